//! The real data sets, where they are at hand; counts are those of their own descriptions.

use recgoat_data::{Dataset, Split};

use crate::support::real;

type Counts = (usize, usize, [usize; 3]);

fn check(name: &str, expected: Counts, modalities: &[(&str, usize, usize)]) {
    let Some(dir) = real(name) else { return };
    let data = Dataset::open(&dir).unwrap();
    let interactions = data.interactions();
    let counts = Split::ALL.map(|split| interactions.split(split).len());
    assert_eq!((interactions.users(), interactions.items(), counts), expected);
    let found: Vec<_> = data.modalities().iter().map(|m| (m.name(), m.width(), m.missing())).collect();
    assert_eq!(found, modalities);
}

#[test]
fn baby() {
    check("baby", (19_445, 7_050, [118_551, 20_559, 21_682]), &[("text", 384, 7_050 - 3_416)]);
}

#[test]
fn sports() {
    let Some(dir) = real("sports") else { return };
    let data = Dataset::open(&dir).unwrap();
    let total: usize = Split::ALL.map(|split| data.interactions().split(split).len()).iter().sum();
    assert_eq!((data.interactions().users(), data.interactions().items(), total), (35_598, 18_357, 296_337));
}

#[test]
fn clothing() {
    check("clothing", (39_387, 23_033, [197_338, 40_150, 41_189]), &[]);
}

#[test]
fn lastfm() {
    let modalities = [("audio", 512, 0), ("text", 384, 0), ("vggish", 128, 0)];
    check("lastfm", (1_858, 1_425, [44_327, 4_799, 7_219]), &modalities);
}

#[test]
fn ml100k() {
    let modalities = [("image", 1_024, 1_682 - 1_663), ("text", 384, 0)];
    check("ml100k", (943, 1_682, [80_367, 9_596, 10_037]), &modalities);
}

#[test]
fn titles() {
    let Some(dir) = real("lastfm") else { return };
    assert_eq!(Dataset::open(&dir).unwrap().item_title(1), Some("Faithless"));
}
