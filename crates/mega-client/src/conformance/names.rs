//! The fixed set of names (section 12 of the checklist), in the shown form.

/// Names that every place has to take, as shown: what a path cannot hold is written with its replacement.
pub(super) fn fixed() -> Vec<String> {
    let mut names: Vec<String> = [
        "plain.txt",
        "\u{ff0e}",
        "\u{ff0e}\u{ff0e}",
        "!\"#$%&'()*+,-:;<=>?@[\\]^_`{|}~",
        " leading space",
        "~leading tilde",
        ".leading dot",
        "trailing space ",
        "trailing dot.",
        "trailing\u{2420}",
        "test%46.txt",
        "%48",
        "a\u{ff0f}b",
        "a\\b",
        "CON",
        "nul.txt",
        "COM1",
        "LPT\u{b9}",
        "x:y",
        "right-\u{202e}gpj.exe",
        "family \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}",
        "flag \u{1f1e9}\u{1f1ea}",
        "caf\u{e9}",
        "cafe\u{301}",
        "case",
        "CASE",
        "\u{65e5}\u{672c}\u{8a9e}",
        "invalid \u{201b}FF byte",
    ]
    .map(str::to_owned)
    .to_vec();
    // All C0 controls and DEL, as their pictures.
    names.extend(
        (1..0x20_u32)
            .filter_map(|code| char::from_u32(0x2400 + code))
            .map(|picture| format!("c{picture}c")),
    );
    names.push("c\u{2421}c".to_owned());
    for lead in ["\u{240d}", "\u{240a}", "\u{2409}", "\u{240b}"] {
        names.push(format!("{lead}first"));
        names.push(format!("last{lead}"));
    }
    names.push("x".repeat(255));
    names.push("\u{8a9e}".repeat(255));
    names.push("\u{8a9e}".repeat(85));
    names
}

/// Names as they are stored that no client here would make.
pub(super) fn foreign() -> Vec<String> {
    let mut names: Vec<String> = [
        "",
        ".",
        "..",
        "/",
        "a/b",
        "../up",
        "\0",
        "a\nb",
        "\u{201b}",
        "\u{201b}\u{ff0f}",
        "C:\\x",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("x".repeat(64 << 10));
    names
}
