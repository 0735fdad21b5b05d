//! The page in headless Chromium: everything on it is drawn, and nothing sticks out.

use std::fs;
use std::path::Path;
use std::process::Command;

use recgoat_eval::report::{Picture, Report};

use crate::report::report;

/// What a script on a copy of the page finds out: the widths of window and page, and the boxes of its plots.
const PROBE: &str = "<script>onload = () => { const box = e => { const r = e.getBoundingClientRect();
return [r.left, r.right, r.width, r.height].map(Math.round).join(' '); };
document.body.innerHTML = '<pre>' + [innerWidth, document.documentElement.scrollWidth].join(' ') + '\\n'
+ [...document.querySelectorAll('svg')].map(box).join('\\n') + '</pre>'; }</script></body>";

/// A report with every kind of plot.
fn illustrated() -> Report {
    let mut report = report();
    let run = &mut report.models[0].runs[0];
    run.diagnosis = [("text.mass".to_owned(), vec![(1, 0.9), (2, 1.0), (3, 1.0)])].into();
    let values = (0..64).map(|entry| (entry % 9) as f32).collect();
    let around = |x: f32| (0..40).map(|at| (x + (at % 7) as f32, (at % 5) as f32)).collect();
    run.pictures = vec![
        Picture::HeatMap { title: "Plan".to_owned(), columns: 8, values },
        Picture::Clouds {
            title: "Views".to_owned(),
            groups: vec![("id".to_owned(), around(0.0)), ("text".to_owned(), around(4.0))],
        },
    ];
    report
}

/// Runs Chromium on a page; none, said aloud, where there is no Chromium.
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
fn chromium(page: &Path, width: usize, arguments: &[String]) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(|name| {
        let mut command = Command::new(name);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
        command.args(["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.arg(format!("--window-size={width},4000"));
        command.args(arguments).arg(format!("file://{}", page.display())).output().ok()
    });
    let Some(output) = found else {
        eprintln!("skipped: no Chromium on this machine");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_plot_has_a_place_on_wide_and_narrow_pages() {
    let dir = tempfile::tempdir().unwrap();
    illustrated().write(dir.path()).unwrap();
    let page = fs::read_to_string(dir.path().join("report.html")).unwrap();
    let plots = page.matches("<svg").count();
    assert_eq!(plots, 5);
    // The page itself forbids scripts.
    let policy = page.find("<meta http-equiv").unwrap();
    let end = policy + page[policy..].find('>').unwrap() + 1;
    let copy = format!("{}{}", &page[..policy], &page[end..]).replace("</body>", PROBE);
    let path = dir.path().join("copy.html");
    fs::write(&path, copy).unwrap();
    for width in [1200, 600] {
        let Some(found) = chromium(&path, width, &["--dump-dom".to_owned()]) else { return };
        let text = found.split("<pre>").nth(1).unwrap().split("</pre>").next().unwrap();
        let rows: Vec<Vec<i64>> = text
            .lines()
            .map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect())
            .collect();
        let window = rows[0][0];
        assert!(rows[0][1] <= window, "the page is {} wide in a window of {window}", rows[0][1]);
        assert_eq!(rows.len() - 1, plots);
        for plot in &rows[1..] {
            assert!(plot[0] >= 0 && plot[1] <= window, "a plot from {} to {} of {window}", plot[0], plot[1]);
            assert!(plot[2] > 150 && plot[3] > 50, "a plot of {} by {}", plot[2], plot[3]);
        }
    }
}

#[test]
fn the_page_is_drawn() {
    let dir = tempfile::tempdir().unwrap();
    illustrated().write(dir.path()).unwrap();
    let shot = dir.path().join("page.png");
    let arguments = [format!("--screenshot={}", shot.display())];
    if chromium(&dir.path().join("report.html"), 1200, &arguments).is_none() {
        return;
    }
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(&shot).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let channels = info.color_type.samples();
    let pixels: Vec<&[u8]> = bytes[..info.buffer_size()].chunks(channels).collect();
    assert_eq!((info.width, info.height), (1200, 4000));
    // Text and lines cover some of the page; plots are what has colour.
    let share =
        |what: &dyn Fn(&[u8]) -> bool| pixels.iter().filter(|p| what(p)).count() as f64 / pixels.len() as f64;
    let ink = share(&|p| p[..3] != pixels[0][..3]);
    let coloured = share(&|p| p[..3].iter().max().unwrap() - p[..3].iter().min().unwrap() > 60);
    assert!((0.02..0.9).contains(&ink), "{ink} of the page differs from its corner");
    assert!((0.002..0.5).contains(&coloured), "{coloured} of the page has colour");
}
