//! The command line as a caller sees it: help, wrong usage, exit codes.

use std::process::{Command, Output};

fn xtask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn an_unknown_command_lists_the_known_ones() {
    let output = xtask(&["tset"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let expected = "xtask: unknown command `tset`; known commands: setup, test, reproduce, bench, doc, tables, tidy, licences\n";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn no_command_is_wrong_usage() {
    let output = xtask(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("expected a command"));
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in ["setup", "test", "reproduce", "bench", "doc", "tables", "tidy", "licences"] {
        for flag in ["-h", "--help"] {
            let output = xtask(&[command, flag]);
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(0), "{command} {flag}");
            assert!(text.contains(&format!("Example: cargo xtask {command}")), "{command} {flag}: {text}");
        }
    }
    assert!(xtask(&["-h"]).status.success());
}

#[test]
fn options_of_one_bench_are_refused_with_another() {
    for (line, told) in [
        (&["bench", "guard", "--device", "cuda"][..], "--device and --data go with `work`"),
        (&["bench", "align", "--accept"], "--accept goes with `guard`"),
    ] {
        let output = xtask(line);
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
    }
}

#[test]
fn an_unknown_option_is_wrong_usage() {
    for command in ["setup", "test", "reproduce", "bench", "doc", "tables", "tidy", "licences"] {
        let output = xtask(&[command, "--no-such-option"]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(stderr(&output).contains("--no-such-option"), "{command}");
        assert_eq!(stderr(&output).lines().count(), 1, "{command}");
    }
}
