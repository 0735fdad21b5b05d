//! Some of the rows of a table.

use recgoat_torch::indices;
use tch::{Device, Tensor};

use crate::{Error, Result};

/// Rows of a table, each at most once, in an order of its own: those a step needs of all there are.
///
/// ```
/// use recgoat_graph::Subset;
/// let some = Subset::new(vec![3, 1], 4)?;
/// assert_eq!((some.rows(), some.place(1), some.place(0)), (&[3, 1][..], Some(1), None));
/// assert!(Subset::new(vec![3, 3], 4).is_err());
/// # Ok::<(), recgoat_graph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subset {
    rows: Vec<u32>,
    /// Of each row of the table its place among `rows`, or [`ABSENT`].
    places: Vec<u32>,
}

/// No place. Tables have fewer rows than this.
const ABSENT: u32 = u32::MAX;

impl Subset {
    /// `rows` of a table that has `of` rows.
    ///
    /// # Errors
    /// [`Error::Shape`] for a row that the table does not have, or one that is named twice.
    pub fn new(rows: Vec<u32>, of: usize) -> Result<Self> {
        let mut places = vec![ABSENT; of];
        for (at, &row) in (0..).zip(&rows) {
            match places.get_mut(row as usize) {
                Some(place) if *place == ABSENT => *place = at,
                _ => {
                    let expected = format!("different rows below {of}");
                    let found = format!("row {row} at {at}");
                    return Err(Error::Shape { operation: "subset", expected, found });
                }
            }
        }
        Ok(Self { rows, places })
    }

    /// The rows, in order.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Number of rows of the table.
    pub fn of(&self) -> usize {
        self.places.len()
    }

    /// The place of a row of the table among [`Subset::rows`], if it has one.
    #[inline]
    pub fn place(&self, row: usize) -> Option<usize> {
        Some(self.places[row]).filter(|&place| place != ABSENT).map(|place| place as usize)
    }

    /// The rows as an index tensor.
    pub fn to_tensor(&self, device: Device) -> Tensor {
        indices(&self.rows, device)
    }

    /// `[rows, width]` put into a table of zeros.
    pub(crate) fn scattered(&self, part: &Tensor) -> Tensor {
        let table = Tensor::zeros([self.of() as i64, part.size()[1]], (part.kind(), part.device()));
        table.index_copy(0, &self.to_tensor(part.device()), part)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{LinearMap, Relay};

    /// Some rows of an image are those of the whole, and so is their VJP; in a relay, too.
    pub(crate) fn agrees_with_whole(map: &dyn LinearMap, x: &Tensor, g: &Tensor, rows: &Subset) {
        let index = rows.to_tensor(Device::Cpu);
        let whole = map.apply(x).unwrap();
        let part = map.apply_at(x, rows).unwrap();
        assert!(part.allclose(&whole.index_select(0, &index), 1e-6, 1e-6, false));
        let gradient = g.index_select(0, &index);
        let expected = map.vjp(&rows.scattered(&gradient)).unwrap();
        assert!(map.vjp_at(&gradient, rows).unwrap().allclose(&expected, 1e-6, 1e-6, false));
        let start = expected.ones_like();
        for (part, rows) in [(gradient.shallow_clone(), Some(rows)), (rows.scattered(&gradient), None)] {
            let mut sum = start.copy();
            map.vjp_add(&part, rows, &mut sum).unwrap();
            assert!(sum.allclose(&(&start + &expected), 1e-6, 1e-6, false));
            let mut narrow = Tensor::zeros([1, 1], (tch::Kind::Float, Device::Cpu));
            assert!(map.vjp_add(&part, rows, &mut narrow).is_err());
        }
        let through = |gathered_late: bool| {
            let x = x.detach().copy().set_requires_grad(true);
            let mut relay = Relay::default();
            let part = if gathered_late {
                let whole = relay.apply(map, &x).unwrap();
                relay.gather(&whole, rows)
            } else {
                relay.apply_at(map, &x, rows).unwrap()
            };
            relay.backward(&(part.square() * &gradient).sum(tch::Kind::Float)).unwrap();
            x.grad()
        };
        assert!(through(true).allclose(&through(false), 1e-5, 1e-6, false));
    }

    #[test]
    fn rows_that_are_not_there_or_come_twice_are_named() {
        let error = Subset::new(vec![0, 2], 2).unwrap_err().to_string();
        assert_eq!(error, "subset: expected different rows below 2, found row 2 at 1");
        let error = Subset::new(vec![1, 0, 1], 2).unwrap_err().to_string();
        assert_eq!(error, "subset: expected different rows below 2, found row 1 at 2");
    }
}
