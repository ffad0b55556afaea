//! The activation link as a QR code.

use std::process::Command;

use keyferry::Secret;
use keyferry::hermod::model::{Activation, Plugout};
use keyferry::hermod::qr::{ActivationQr, Background};

const MARGIN: usize = 4;

fn link() -> Activation {
    let url = "https://hub.example:20400/hermod/rest/ms/3051e9f3-0e4d-436b-a512-2e18d8afe134";
    Activation::Plugout(Plugout::new(url, Secret::new("2dff6242-7a5e-4b9c-8b0c-1b7a9e8f4a11")))
}

/// What the terminal shows, one `bool` a module, margin included.
fn modules_of_text(text: &str, background: Background) -> Vec<Vec<bool>> {
    let mut rows = Vec::new();
    for line in text.lines() {
        for upper in [true, false] {
            let drawn = line.chars().map(|character| match character {
                '█' => true,
                '▀' => upper,
                '▄' => !upper,
                ' ' => false,
                _ => panic!("{character:?}"),
            });
            rows.push(drawn.map(|drawn| drawn == (background == Background::Light)).collect());
        }
    }
    rows
}

/// The dark modules of the SVG's path: `M5,4h1v1h-1` is one in column 5, row 4.
fn modules_of_svg(svg: &str, side: usize) -> Vec<Vec<bool>> {
    let mut rows = vec![vec![false; side]; side];
    let path = svg.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
    for place in path.split('M').skip(1) {
        let (column, rest) = place.split_once(',').unwrap();
        let row: String = rest.chars().take_while(char::is_ascii_digit).collect();
        assert!(rest.ends_with("h1v1h-1"), "{rest}");
        rows[row.parse::<usize>().unwrap()][column.parse::<usize>().unwrap()] = true;
    }
    rows
}

fn read_back(rows: &[Vec<bool>]) -> String {
    const SCALE: usize = 4;
    let side = rows[0].len();
    let mut picture = format!("P5\n{} {}\n255\n", side * SCALE, rows.len() * SCALE).into_bytes();
    for row in rows {
        let line: Vec<u8> =
            row.iter().flat_map(|dark| [if *dark { 0 } else { 255 }; SCALE]).collect();
        (0..SCALE).for_each(|_| picture.extend_from_slice(&line));
    }
    let scratch = crate::support::peers::Scratch::new();
    let path = scratch.write("code.pgm", &picture);
    let output = Command::new("zbarimg")
        .args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn terminal_and_svg_show_the_same_code() {
    let code = ActivationQr::new(&link()).unwrap();
    let side = code.size() + 2 * MARGIN;
    let svg = modules_of_svg(&code.to_svg(), side);
    for background in [Background::Dark, Background::Light] {
        let text = modules_of_text(&code.to_terminal(background), background);
        assert_eq!(text[..side], svg[..]);
    }
    for (row, modules) in svg.iter().enumerate() {
        for (column, dark) in modules.iter().enumerate() {
            let inside = row.checked_sub(MARGIN).zip(column.checked_sub(MARGIN));
            assert_eq!(*dark, inside.is_some_and(|(row, column)| code.is_dark(column, row)));
        }
    }
}

#[test]
fn zbarimg_reads_the_link_back() {
    if !crate::support::peers::has_peer("zbarimg", &["--version"]) {
        return;
    }
    let code = ActivationQr::new(&link()).unwrap();
    let text = modules_of_text(&code.to_terminal(Background::Light), Background::Light);
    for (name, rows) in [
        ("qr-terminal", text),
        ("qr-svg", modules_of_svg(&code.to_svg(), code.size() + 2 * MARGIN)),
    ] {
        assert_eq!(read_back(&rows), link().to_uri().expose(), "{name}");
    }
}

#[test]
fn an_oversized_link_is_refused_and_debug_hides_links() {
    let long = Activation::Plugout(Plugout::new(
        format!("https://hub.example/{}", "x".repeat(3000)),
        Secret::new("t"),
    ));
    assert_eq!(ActivationQr::new(&long).unwrap_err().class().as_str(), "too-large");
    let shown = format!("{:?}", ActivationQr::new(&link()).unwrap());
    assert!(!shown.contains("2dff") && !shown.contains('█'));
}
