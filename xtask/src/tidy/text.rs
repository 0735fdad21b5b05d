//! Rules about the text of a single file.

use super::Violation;
use super::tree::SourceFile;

const MAX_LINES: usize = 600;
/// A crate may open with its README instead of a line of its own.
const SUMMARIES: [&str; 2] = ["//!", "#![doc = include_str!("];
const MACHINE_PATHS: [&str; 3] = ["/home/", "/root/", "/work/"];
const REGISTRY_HOSTS: [&str; 4] =
    ["index.crates.io", "static.crates.io", "files.pythonhosted.org", "pypi.org"];
const UNFINISHED: [&str; 2] = ["TODO", "FIXME"];

pub(super) fn check(file: &SourceFile, found: &mut Vec<Violation>) {
    let mut report = |line: usize, rule: &str| found.push(Violation::new(&file.path, line, rule));
    if file.is_rust() {
        if !SUMMARIES.iter().any(|summary| file.text.starts_with(summary)) {
            report(1, "the first line of a module is its //! summary");
        }
        let lines = file.lines().count();
        if lines > MAX_LINES {
            report(lines, "a file has at most 600 lines");
        }
    }
    if file.states_rules() {
        return;
    }
    for (number, line) in file.lines() {
        if MACHINE_PATHS.iter().any(|path| holds_path(line, path)) {
            report(number, "no paths of a particular machine");
        }
        if REGISTRY_HOSTS.iter().any(|host| line.contains(host)) {
            report(number, "no registry hosts");
        }
        if (file.is_rust() || file.is_markdown()) && is_unfinished(line) && !names_an_issue(line) {
            report(number, "unfinished work names its issue, as #12");
        }
        if file.is_rust() {
            check_code(line.trim_start(), &file.text, number, &mut report);
        }
    }
}

fn check_code(code: &str, text: &str, number: usize, report: &mut impl FnMut(usize, &str)) {
    if code.starts_with("//") {
        return;
    }
    if code.contains("dbg!(") {
        report(number, "no debugging macros");
    }
    if code.starts_with("#[ignore") {
        report(number, "no ignored tests");
    }
    if code.starts_with("#[allow(") || code.starts_with("#![allow(") {
        let attribute = text.lines().skip(number - 1).map(str::trim).collect::<String>();
        let end = attribute.find(")]").unwrap_or(attribute.len());
        if !attribute[..end].contains("reason =") {
            report(number, "an allowed lint has a reason");
        }
    }
}

/// A path counts when it is absolute: nothing that could belong to it stands before its first slash.
fn holds_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/})$".contains(c))
    })
}

fn is_unfinished(line: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| UNFINISHED.contains(&word))
}

fn names_an_issue(line: &str) -> bool {
    line.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::broken;

    /// The rules that a Rust file with this body breaks.
    fn rules(body: &str) -> Vec<String> {
        let found = broken(&[("a.rs", &format!("//! A.\n{body}"))]);
        found.iter().map(|line| line.splitn(3, ':').nth(2).unwrap().trim().to_owned()).collect()
    }

    #[test]
    fn a_module_begins_with_its_summary() {
        assert_eq!(broken(&[("a.rs", "#![doc = include_str!(\"../README.md\")]\n")]), [] as [&str; 0]);
        let found = broken(&[("a.rs", "\n//! Late.\n"), ("b.rs", "")]);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|line| line.ends_with("its //! summary")), "{found:?}");
    }

    #[test]
    fn a_file_has_at_most_600_lines() {
        assert_eq!(rules(&"\n".repeat(599)), [] as [&str; 0]);
        assert_eq!(rules(&"\n".repeat(600)), ["a file has at most 600 lines"]);
    }

    #[test]
    fn machine_paths_are_absolute_paths() {
        for line in ["// see /home/me/x", "const X: &str = \"/work/x\";", "// (/root/.cargo)"] {
            assert_eq!(rules(line), ["no paths of a particular machine"], "{line}");
        }
        for line in ["// https://example.org/home/x", "// ../work/x", "// $DIR/work/x", "// network/work/"] {
            assert_eq!(rules(line), [] as [&str; 0], "{line}");
        }
        assert_eq!(broken(&[("x.json", "{\"dir\": \"/work/data\"}")]).len(), 1, "every text file counts");
    }

    #[test]
    fn registry_hosts_are_refused_everywhere() {
        for host in super::REGISTRY_HOSTS {
            assert_eq!(
                broken(&[("notes.txt", &format!("see https://{host}/x"))]),
                ["notes.txt:1: no registry hosts"]
            );
        }
    }

    #[test]
    fn unfinished_work_names_its_issue() {
        let rule = "unfinished work names its issue, as #12";
        for line in ["// TODO: later", "// FIXME(me) soon", "// TODO #someday"] {
            assert_eq!(rules(line), [rule], "{line}");
        }
        for line in ["// TODO(#12): later", "// mastodons", "const TODOS: u8 = 0;"] {
            assert_eq!(rules(line), [] as [&str; 0], "{line}");
        }
        assert_eq!(broken(&[("README.md", "TODO")]).len(), 1);
    }

    #[test]
    fn debugging_macros_and_ignored_tests_are_refused() {
        assert_eq!(rules("fn a() { dbg!(1); }"), ["no debugging macros"]);
        assert_eq!(rules("#[ignore]"), ["no ignored tests"]);
        assert_eq!(rules("    #[ignore = \"slow\"]"), ["no ignored tests"]);
        assert_eq!(rules("// about dbg!(x) and #[ignore]"), [] as [&str; 0]);
    }

    #[test]
    fn an_allowed_lint_has_a_reason() {
        let rule = "an allowed lint has a reason";
        assert_eq!(rules("#[allow(dead_code)]"), [rule]);
        assert_eq!(rules("#![allow(dead_code)]\nconst R: &str = \"reason =\";"), [rule]);
        assert_eq!(rules("#[allow(\n    dead_code\n)]\n"), [rule]);
        assert_eq!(rules("#[allow(dead_code, reason = \"kept\")]"), [] as [&str; 0]);
        assert_eq!(rules("#[allow(\n    dead_code,\n    reason = \"kept\"\n)]\n"), [] as [&str; 0]);
    }

    #[test]
    fn the_rules_may_spell_out_what_they_look_for() {
        for path in ["xtask/src/tidy.rs", "xtask/src/tidy/text.rs"] {
            assert_eq!(broken(&[(path, "//! Rules: [eq:x], /work/, TODO.\n")]), [] as [&str; 0]);
        }
    }
}
