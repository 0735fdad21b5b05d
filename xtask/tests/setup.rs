//! `setup` on made-up machines: a folder of stand-in programs is the whole PATH, and a stand-in pip "downloads"
//! made-up wheels.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

const HEADER: &str =
    "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n";
const WHEELS: [&str; 3] = [
    "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
    "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.whl",
    "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
];

/// A workspace, a PATH, and wheels for its pip to hand out.
struct Machine {
    dir: TempDir,
}

impl Machine {
    fn bare() -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["bin", "index", "workspace/xtask/wheels"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        fs::write(machine.path("workspace/xtask/wheels/cpu.txt"), "").unwrap();
        machine
    }

    /// A C++ compiler, `sync`, and a pip that copies what lies in `index` to the folder after `-d`.
    fn whole() -> Self {
        let machine = Self::bare().with("c++", "").with("sync", "");
        machine.with(
            "python3",
            "case \"$*\" in *download*) while [ \"$1\" != -d ]; do shift; done; exec /bin/cp \"$INDEX\"/* \"$2\";; esac",
        )
    }

    fn with(self, program: &str, script: &str) -> Self {
        let path = self.path("bin").join(program);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn with_wheels(self, header: &str) -> Self {
        let [torch, runtime, cupti] = WHEELS.map(|name| self.path("index").join(name));
        let version = ("torch/include/torch/headeronly/version.h", header);
        write_wheel(
            &torch,
            &[version, ("torch/lib/libtorch_cpu.so", "cpu"), ("torch/lib/libtorch.so", "all")],
        );
        write_wheel(&runtime, &[("nvidia/cu13/lib/libcudart.so.13", "runtime")]);
        write_wheel(&cupti, &[("nvidia/cu13/lib/libcupti.so.13", "cupti")]);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn libtorch(&self) -> PathBuf {
        self.path("workspace/.libtorch")
    }

    fn command(&self, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("setup").env_clear().env("PATH", self.path("bin")).env("INDEX", self.path("index"));
        command.env("CARGO_MANIFEST_DIR", self.path("workspace/xtask")).envs(variables.iter().copied());
        command
    }

    fn setup(&self, variables: &[(&str, &str)]) -> Output {
        self.command(variables).output().unwrap()
    }

    /// The last line of a setup that fails with exit code 1.
    fn complaint(&self, variables: &[(&str, &str)]) -> String {
        let output = self.setup(variables);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(output.stdout.is_empty());
        text.lines().last().unwrap().to_owned()
    }

    fn succeeds(&self) {
        let output = self.setup(&[]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        let expected = format!("libtorch 2.11.0 in {}\n", self.libtorch().display());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}

fn write_wheel(path: &Path, files: &[(&str, &str)]) {
    let mut writer = zip::ZipWriter::new(File::create(path).unwrap());
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn wheels_become_a_libtorch_and_a_second_setup_needs_no_pip() {
    let machine = Machine::whole().with_wheels(HEADER);
    machine.succeeds();
    let script = fs::read_to_string(machine.libtorch().join("lib/libtorch.so")).unwrap();
    assert_eq!(script, "INPUT(-ltorch_cpu)\n");
    assert!(machine.libtorch().join("lib/libcudart.so.13").exists());
    assert!(!machine.path("workspace/.libtorch-download").exists());
    fs::remove_file(machine.path("bin/python3")).unwrap();
    machine.succeeds();
}

#[test]
fn a_damaged_or_unstamped_copy_is_made_anew() {
    let machine = Machine::whole().with_wheels(HEADER);
    machine.succeeds();
    let library = machine.libtorch().join("lib/libtorch_cpu.so");
    fs::write(&library, "cut to another length").unwrap();
    machine.succeeds();
    assert_eq!(fs::read_to_string(&library).unwrap(), "cpu");
    fs::remove_file(machine.libtorch().join("recgoat-libtorch.toml")).unwrap();
    machine.succeeds();
    assert!(machine.libtorch().join("recgoat-libtorch.toml").exists());
}

#[test]
fn a_download_cut_in_the_middle_leaves_no_libtorch_and_is_made_good() {
    let machine = Machine::whole().with_wheels(HEADER);
    let whole = fs::read(machine.path("index").join(WHEELS[0])).unwrap();
    fs::write(machine.path("index").join(WHEELS[0]), &whole[..whole.len() / 2]).unwrap();
    assert!(machine.complaint(&[]).contains("is not a whole wheel"));
    assert!(!machine.libtorch().exists());
    fs::write(machine.path("index").join(WHEELS[0]), whole).unwrap();
    machine.succeeds();
}

#[test]
fn a_setup_cut_while_unpacking_is_made_good() {
    let machine = Machine::whole().with_wheels(HEADER);
    let partial = machine.path("workspace/.libtorch-download/libtorch.partial/lib");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("libtorch_cpu.so"), "half").unwrap();
    fs::write(partial.join("stale.so"), "of an older version").unwrap();
    machine.succeeds();
    assert_eq!(fs::read_to_string(machine.libtorch().join("lib/libtorch_cpu.so")).unwrap(), "cpu");
    assert!(!machine.libtorch().join("lib/stale.so").exists());
}

#[test]
fn a_wheel_of_another_version_never_becomes_libtorch() {
    let machine = Machine::whole().with_wheels(&HEADER.replace("11", "10"));
    let complaint = machine.complaint(&[]);
    assert!(complaint.contains("2.10.0") && complaint.contains("expected 2.11.0"), "{complaint}");
    assert!(!machine.libtorch().exists());
}

#[test]
fn a_missing_program_is_named_with_its_cure() {
    let complaint = Machine::bare().complaint(&[]);
    assert!(
        complaint.contains("no C++ compiler") && complaint.contains("apt-get install g++"),
        "{complaint}"
    );
    let complaint = Machine::bare().with("g++", "").complaint(&[]);
    assert!(complaint.contains("export CXX=g++"), "{complaint}");
    let complaint = Machine::bare().with("c++", "").complaint(&[("CXX", "ccache g++")]);
    assert!(complaint.contains("CXX=ccache"), "{complaint}");
    let complaint = Machine::bare().with("c++", "").complaint(&[]);
    assert!(complaint.contains("no python3") && complaint.contains("apt-get install python3"), "{complaint}");
    let no_pip = Machine::bare().with("c++", "").with("python3", "[ \"$1\" = --version ]");
    let complaint = no_pip.complaint(&[]);
    assert!(complaint.contains("no pip") && complaint.contains("ensurepip"), "{complaint}");
}

#[test]
fn no_network_is_said_in_one_line() {
    let offline = "case \"$*\" in *download*) echo \"connection broken by 'NewConnectionError(...)'\" >&2; exit 1;; esac";
    let machine = Machine::bare().with("c++", "").with("python3", offline);
    let complaint = machine.complaint(&[]);
    assert!(complaint.starts_with("xtask: no network"), "{complaint}");
    assert!(complaint.contains("cargo xtask setup"), "{complaint}");
    assert!(!machine.libtorch().exists());
}

#[test]
fn the_users_libtorch_is_taken_when_its_version_fits() {
    let machine = Machine::bare().with("c++", "");
    let own = machine.path("own");
    fs::create_dir(&own).unwrap();
    let variable = [("LIBTORCH", own.to_str().unwrap())];
    assert!(machine.complaint(&variable).contains("holds no libtorch"));
    fs::write(own.join("build-version"), "2.9.0+cpu\n").unwrap();
    let complaint = machine.complaint(&variable);
    assert!(complaint.contains("libtorch 2.9.0+cpu, expected 2.11.0"), "{complaint}");
    fs::write(own.join("build-version"), "2.11.0+cpu\n").unwrap();
    let output = machine.setup(&variable);
    let expected = format!("libtorch 2.11.0+cpu in {}\n", own.display());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    assert!(!machine.libtorch().exists());
}

#[test]
fn the_torch_of_python_is_taken_when_asked_for() {
    let variable = [("LIBTORCH_USE_PYTORCH", "1")];
    let machine = Machine::bare().with("c++", "").with("python3", "printf '2.11.0+cu130\\n/opt/torch\\n'");
    let output = machine.setup(&variable);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "libtorch 2.11.0+cu130 in /opt/torch\n");
    let output = machine.command(&variable).arg("--cuda").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("has no lib/libtorch_cuda.so"));
    let without = Machine::bare().with("c++", "").with("python3", "exit 1");
    assert!(without.complaint(&variable).contains("pip install torch==2.11.0"));
}
