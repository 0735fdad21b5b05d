//! Where an epoch's triples are drawn: on the host for the CPU, else on the device.

use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use recgoat_data::{Interactions, Split, TripleSampler, Triples};
use recgoat_torch::Counter;
use tch::{Device, Kind, Tensor};

use crate::{Error, Result};

pub(super) enum Sampler {
    Host(TripleSampler),
    Device(DeviceSampler),
}

impl Sampler {
    /// Users without a negative are refused by [`super::check`], before a run starts.
    pub(super) fn new(interactions: &Interactions, device: Device) -> Result<Self> {
        if device == Device::Cpu {
            return Ok(Self::Host(TripleSampler::new(interactions)?));
        }
        Ok(Self::Device(DeviceSampler::new(interactions, device)))
    }

    pub(super) fn epoch(&self, rng: &mut ChaCha8Rng) -> Result<Triples> {
        match self {
            Self::Host(sampler) => Ok(sampler.epoch(rng)),
            Self::Device(sampler) => sampler.epoch(rng.next_u64()),
        }
    }
}

/// The law of [`TripleSampler`] by tensor operations, without rejections: of a user's `r`-th item that is no train item,
/// `r` is uniform, and the item is `r` plus the number of train items at or before it.
///
/// Sorting and one binary search a triple, on the device; the epoch's triples are copied to the host once, where each
/// batch's distinct nodes are found while the device works on the batch before.
pub(super) struct DeviceSampler {
    /// Of each train interaction, `[interactions]`: by user, then item.
    users: Tensor,
    positives: Tensor,
    /// `[users]`: the user's first interaction, and how many items are not its own.
    starts: Tensor,
    room: Tensor,
    /// `[interactions]`, ascending: of a user's `j`-th train item, `user · (items + 1) + item − j`, the last being the
    /// number of its other items before that one.
    before: Tensor,
    /// `items + 1`.
    stride: i64,
}

impl DeviceSampler {
    fn new(interactions: &Interactions, device: Device) -> Self {
        let train = interactions.split(Split::Train);
        let items = interactions.items();
        let stride = items as i64 + 1;
        let (mut users, mut positives, mut before) = (Vec::new(), Vec::new(), Vec::new());
        let (mut starts, mut room) = (Vec::new(), Vec::new());
        for user in 0..train.rows() {
            let row = train.row(user);
            starts.push(users.len() as i64);
            room.push((items - row.len()) as i64);
            for (rank, &item) in (0..).zip(row) {
                users.push(user as i64);
                positives.push(i64::from(item));
                before.push(user as i64 * stride + i64::from(item) - rank);
            }
        }
        let [users, positives, starts, room, before] =
            [users, positives, starts, room, before].map(|list| Tensor::from_slice(&list).to_device(device));
        Self { users, positives, starts, room, before, stride }
    }

    fn epoch(&self, key: u64) -> Result<Triples> {
        let mut counter = Counter::new(key);
        let order = counter.bits(&self.users.size(), self.users.device()).argsort_stable(true, 0, false);
        let [users, positives] = [&self.users, &self.positives].map(|list| list.index_select(0, &order));
        let rank = counter.below(&self.room.index_select(0, &users));
        let sought = &users * self.stride + &rank;
        let at_or_before = sought.searchsorted(&self.before, false, true, "right", None::<Tensor>)
            - self.starts.index_select(0, &users);
        let all = Tensor::stack(&[users, positives, rank + at_or_before], 0).to_kind(Kind::Int);
        let all = Vec::<i32>::try_from(&all.view(-1).to_device(Device::Cpu))
            .map_err(|error| Error::Torch(recgoat_torch::Error::from(error)))?;
        let mut lists = all
            .chunks(all.len().div_ceil(3).max(1))
            .map(|list| list.iter().map(|&id| id as u32).collect::<Vec<_>>());
        let mut next = || lists.next().unwrap_or_default();
        Ok(Triples { users: next(), positives: next(), negatives: next() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interactions(users: usize, items: usize, pairs: &[(u32, u32)]) -> Interactions {
        Interactions::from_pairs(users, items, pairs, &[], &[]).unwrap()
    }

    proptest! {
        /// Every interaction once, and negatives that are none of the user's.
        #[test]
        fn an_epoch_is_one_of_the_host_s(
            (items, masks) in (2usize..9).prop_flat_map(|items| {
                (Just(items), proptest::collection::vec(1u32..(1 << items) - 1, 1..12))
            }),
            key in any::<u64>(),
        ) {
            let pairs: Vec<(u32, u32)> = (0..).zip(&masks).flat_map(|(user, mask)| {
                (0..items as u32).filter(move |item| mask >> item & 1 == 1).map(move |item| (user, item))
            }).collect();
            let sampler = DeviceSampler::new(&interactions(masks.len(), items, &pairs), Device::Cpu);
            let triples = sampler.epoch(key).unwrap();
            let mut drawn: Vec<_> = triples.users.iter().copied().zip(triples.positives.clone()).collect();
            drawn.sort_unstable();
            prop_assert_eq!(drawn, pairs);
            for (&user, &item) in triples.users.iter().zip(&triples.negatives) {
                prop_assert!((item as usize) < items && masks[user as usize] >> item & 1 == 0);
            }
            prop_assert_eq!(triples, sampler.epoch(key).unwrap());
        }
    }

    #[test]
    fn no_interaction_gives_no_triple() {
        let triples = DeviceSampler::new(&interactions(0, 3, &[]), Device::Cpu).epoch(1).unwrap();
        assert!(triples.users.is_empty() && triples.positives.is_empty() && triples.negatives.is_empty());
    }

    /// Negatives are uniform over the others, and orders over all: chi-square below its 1 − 10⁻⁶ quantile.
    #[test]
    fn draws_are_uniform() {
        let data = interactions(2, 7, &[(0, 0), (0, 3), (0, 4), (1, 6)]);
        let sampler = DeviceSampler::new(&data, Device::Cpu);
        let (mut negatives, mut firsts) = ([[0u32; 7]; 2], [0u32; 4]);
        const EPOCHS: u32 = 6_000;
        for key in 0..u64::from(EPOCHS) {
            let triples = sampler.epoch(key).unwrap();
            let first = [(0, 0), (0, 3), (0, 4), (1, 6)]
                .iter()
                .position(|&pair| pair == (triples.users[0], triples.positives[0]));
            firsts[first.unwrap()] += 1;
            for (&user, &item) in triples.users.iter().zip(&triples.negatives) {
                negatives[user as usize][item as usize] += 1;
            }
        }
        let chi_square = |counts: &[u32]| {
            let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
            counts.iter().map(|&count| (f64::from(count) - mean).powi(2) / mean).sum::<f64>()
        };
        let [zero, one] = negatives;
        assert!(chi_square(&[zero[1], zero[2], zero[5], zero[6]]) < 30.7, "{zero:?}");
        assert!(chi_square(&one[..6]) < 35.9, "{one:?}");
        assert!(chi_square(&firsts) < 30.7, "{firsts:?}");
    }
}
