//! Data folders and arrays made on the fly.

use npyz::{AutoSerialize, Order, WriteOptions, WriterBuilder};
use recgoat_data::{
    Dataset, Split,
    synthetic::{SyntheticConfig, synthetic},
};

/// Two users and three items, in the smallest form.
pub(crate) const SMALL: &str = "userID\titemID\tx_label\n0\t0\t0\n0\t2\t1\n1\t1\t0\n1\t2\t2\n";

/// The file of a data folder that holds [`SMALL`].
pub(crate) fn small() -> (&'static str, Vec<u8>) {
    ("d.inter", SMALL.into())
}

/// The text of a `.inter` file.
pub(crate) fn inter(rows: impl IntoIterator<Item = (u32, u32, Split)>) -> String {
    let lines = rows.into_iter().map(|(user, item, split)| format!("{user}\t{item}\t{}\n", split as usize));
    format!("userID\titemID\tx_label\n{}", lines.collect::<String>())
}

/// The bytes of a `.npy` file in C order.
pub(crate) fn npy<T: AutoSerialize + Copy>(shape: &[u64], values: &[T]) -> Vec<u8> {
    npy_in(Order::C, shape, values)
}

/// The bytes of a `.npy` file.
pub(crate) fn npy_in<T: AutoSerialize + Copy>(order: Order, shape: &[u64], values: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let options = WriteOptions::new().default_dtype().order(order).shape(shape);
    let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
    writer.extend(values.iter().copied()).unwrap();
    writer.finish().unwrap();
    bytes
}

/// The numbers of a `float64` `.npy` file, with their shape.
pub(crate) fn numbers(bytes: &[u8]) -> (Vec<u64>, Vec<f64>) {
    let file = npyz::NpyFile::new(bytes).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

/// Interactions with planted tastes that features tell, as the files of a data folder: 80 users, 60 items,
/// modalities `image` (every third row missing) and `text`.
pub(crate) fn planted() -> Vec<(&'static str, Vec<u8>)> {
    planted_of(80, 60, 900)
}

/// [`planted`] of another size.
pub(crate) fn planted_of(users: usize, items: usize, interactions: usize) -> Vec<(&'static str, Vec<u8>)> {
    let modalities = [("image", 12), ("text", 8)].map(|(name, width)| (name.to_owned(), width)).into();
    let config = SyntheticConfig { users, items, interactions, seed: 3, modalities };
    let data = synthetic(&config).unwrap();
    let features = |at: usize| {
        let modality = &data.modalities()[at];
        npy(&[items as u64, modality.width() as u64], modality.values())
    };
    let mask: Vec<u8> = (0..items).map(|item| u8::from(item % 3 != 0)).collect();
    vec![
        ("planted.inter", inter(rows(&data)).into()),
        ("image_feat.npy", features(0)),
        ("image_mask.npy", npy(&[items as u64], &mask)),
        ("text_feat.npy", features(1)),
    ]
}

fn rows(data: &Dataset) -> impl Iterator<Item = (u32, u32, Split)> {
    let of = |split| data.interactions().split(split).pairs().map(move |(user, item)| (user, item, split));
    Split::ALL.into_iter().flat_map(of)
}
