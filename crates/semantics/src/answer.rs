//! The part of a model's text that was asked for.

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) form: Form,
}

/// Whether the answer was marked as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Between `<answer>` and `</answer>`, or between `<answer>` and the end.
    Marked,
    /// Anywhere: small models forget the marks.
    Free,
}

/// The text between the last `<answer>` and what closes it; without one, all but the reasoning and the marks.
pub(crate) fn answer(text: &str) -> Answer {
    if let Some(start) = text.rfind("<answer>") {
        let inside = &text[start + "<answer>".len()..];
        let inside = inside.split("</answer>").next().unwrap_or(inside);
        let found = crate::clean(inside);
        if !found.is_empty() {
            return Answer { text: found, form: Form::Marked };
        }
    }
    let after = text.rfind("</think>").map(|end| &text[end + "</think>".len()..]);
    let rest = after.filter(|rest| !crate::clean(rest).is_empty()).unwrap_or(text);
    let marks = ["<think>", "</think>", "<answer>", "</answer>"];
    let plain = marks.iter().fold(rest.to_owned(), |text, mark| text.replace(mark, " "));
    Answer { text: crate::clean(&plain), form: Form::Free }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_marked_part_or_what_there_is() {
        let of = |text: &str| {
            let Answer { text, form } = answer(text);
            (text, form)
        };
        assert_eq!(
            of("<think>hm</think><answer>likes\n jazz</answer> bye"),
            ("likes jazz".into(), Form::Marked)
        );
        assert_eq!(of("<answer>cut in the mid"), ("cut in the mid".into(), Form::Marked));
        assert_eq!(of("say <answer>a</answer> or <answer>b</answer>"), ("b".into(), Form::Marked));
        assert_eq!(of("<think>a, b</think> They like noir."), ("They like noir.".into(), Form::Free));
        assert_eq!(of("<think>never ends"), ("never ends".into(), Form::Free));
        assert_eq!(of("<answer></answer>"), (String::new(), Form::Free));
    }

    proptest! {
        #[test]
        fn any_text_gives_one_line(text in "(<think>|</think>|<answer>|</answer>|[a-z \n]|\\PC){0,30}") {
            let found = answer(&text).text;
            prop_assert!(!found.contains('\n') && found.trim() == found);
        }
    }
}
