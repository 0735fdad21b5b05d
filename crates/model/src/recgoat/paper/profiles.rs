//! What users are like, for the user–user graph.

use recgoat_data::{Dataset, Modality, Split};

use crate::Result;

/// A profile of every user: for each modality the mean of the unit features of their train items that have them, side
/// by side. A user without any is missing.
///
/// It stands in for profiles that a language model writes, which no dataset ships yet.
pub(super) fn profiles(dataset: &Dataset, modalities: &[&Modality]) -> Result<Modality> {
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
                let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
                part.iter_mut().zip(*row).for_each(|(mean, x)| *mean += x / norm / rows.len() as f32);
            }
            present[user] |= !rows.is_empty();
        }
    }
    Ok(Modality::new("profile", users, width, values, present)?)
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
        let found = profiles(&dataset, &[&text, &image]).unwrap();
        // Unit rows of one column are signs: user 0 knows +1 and −1 by text and +1 by image.
        assert_eq!(found.values(), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(found.present(), [true, true]);
    }
}
