//! What users are like, for the user–user graph.

use recgoat_data::{Dataset, Modality, Split};
use serde::{Deserialize, Serialize};

use crate::Result;

/// Where profiles of users come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profiles {
    /// The dataset's own (`user_<name>_feat.npy`), where it has any, else as for `Features`.
    Written,
    /// The mean of the features of a user's train items.
    Features,
}

/// A profile of every user.
pub(super) fn profiles(dataset: &Dataset, modalities: &[&Modality], from: Profiles) -> Result<Modality> {
    let written: Vec<&Modality> = dataset.profiles().iter().collect();
    if from == Profiles::Features || written.is_empty() {
        return of_features(dataset, modalities);
    }
    let users = dataset.interactions().users();
    let width = written.iter().map(|profile| profile.width()).sum();
    let mut values = Vec::with_capacity(users * width);
    for user in 0..users {
        for profile in &written {
            let row = &profile.values()[user * profile.width()..][..profile.width()];
            let scale = norm(row).recip();
            values.extend(row.iter().map(|x| x * scale));
        }
    }
    let present = (0..users).map(|user| written.iter().any(|profile| profile.present()[user])).collect();
    Ok(Modality::new("profile", users, width, values, present)?)
}

/// For each modality the mean of the unit features of a user's train items that have them, side by side. A user without
/// any is missing.
fn of_features(dataset: &Dataset, modalities: &[&Modality]) -> Result<Modality> {
    let train = dataset.interactions().split(Split::Train);
    let users = dataset.interactions().users();
    let width: usize = modalities.iter().map(|modality| modality.width()).sum();
    let (mut values, mut present) = (vec![0f32; users * width], vec![false; users]);
    for user in 0..users {
        let profile = &mut values[user * width..][..width];
        let mut start = 0;
        for modality in modalities {
            let part = &mut profile[start..][..modality.width()];
            start += modality.width();
            let known = train.row(user).iter().filter(|&&item| modality.present()[item as usize]);
            let rows: Vec<&[f32]> = known
                .map(|&item| &modality.values()[item as usize * modality.width()..][..modality.width()])
                .collect();
            for row in &rows {
                let norm = norm(row);
                part.iter_mut().zip(*row).for_each(|(mean, x)| *mean += x / norm / rows.len() as f32);
            }
            present[user] |= !rows.is_empty();
        }
    }
    Ok(Modality::new("profile", users, width, values, present)?)
}

/// The length of a row; never zero.
fn norm(row: &[f32]) -> f32 {
    row.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use recgoat_data::Interactions;

    use super::*;

    #[test]
    fn profiles_are_means_of_what_is_known() {
        let modality =
            |name: &str, present| Modality::new(name, 3, 1, vec![2.0, -3.0, 5.0], present).unwrap();
        let (text, image) = (modality("text", vec![true; 3]), modality("image", vec![true, false, false]));
        let interactions =
            Interactions::from_pairs(2, 3, &[(0, 0), (0, 1), (1, 1), (1, 2)], &[], &[]).unwrap();
        let dataset = Dataset::from_parts("d", interactions, vec![text.clone(), image.clone()]).unwrap();
        let found = profiles(&dataset, &[&text, &image], Profiles::Written).unwrap();
        // Unit rows of one column are signs: user 0 knows +1 and −1 by text and +1 by image.
        assert_eq!(found.values(), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(found.present(), [true, true]);
    }

    #[test]
    fn written_profiles_come_first() {
        let interactions = Interactions::from_pairs(2, 1, &[(0, 0), (1, 0)], &[], &[]).unwrap();
        let text = Modality::new("text", 1, 1, vec![1.0], vec![true]).unwrap();
        let dataset = Dataset::from_parts("d", interactions, vec![text.clone()]).unwrap();
        let written = Modality::new("text", 2, 2, vec![3.0, 4.0, 0.0, 0.0], vec![true, false]).unwrap();
        let dataset = dataset.with_profiles(vec![written]).unwrap();
        let found = profiles(&dataset, &[&text], Profiles::Written).unwrap();
        assert_eq!((found.values(), found.present()), (&[0.6, 0.8, 0.0, 0.0][..], &[true, false][..]));
        assert_eq!(profiles(&dataset, &[&text], Profiles::Features).unwrap().values(), [1.0, 1.0]);
    }
}
