//! Texts that are UTF-8 and texts that are not (group 6).

use tickcast_server_testkit::raw::{TEXT, masked};

use super::{Case, LAST, TEXT_BEGIN, fragmented};

/// Texts that are UTF-8, at the borders of what is allowed (Unicode, table 3-7).
const GOOD: [&[u8]; 19] = [
    b"\x00",
    b"\x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xe1\x80\x80",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbd",
    // Characters that Unicode will never assign are UTF-8 as well.
    b"\xef\xbf\xbe",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf0\x9f\xbf\xbe",
    b"\xf0\x9f\xbf\xbf",
    b"\xf3\xbf\xbf\xbf",
    b"\xf4\x80\x80\x80",
    b"\xf4\x8f\xbf\xbf",
    "κόσμε".as_bytes(),
    "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(),
];

/// Texts that are not: where one begins to be wrong, and what follows.
const BAD: [(&[u8], &[u8]); 26] = [
    // Bytes that continue nothing.
    (b"\x80", b""),
    (b"\xbf", b"x"),
    (b"\x80", b"\xbf\x80"),
    (b"ok \x80", b" ok"),
    // Bytes that never occur.
    (b"\xc0", b"\x80"),
    (b"\xc1", b"\xbf"),
    (b"\xf5", b"\x80\x80\x80"),
    (b"\xf8", b"\x88\x80\x80\x80"),
    (b"\xfc", b"\x84\x80\x80\x80\x80"),
    (b"\xfe", b""),
    (b"\xff", b"\xff"),
    // Longer than necessary.
    (b"\xe0\x80", b"\xaf"),
    (b"\xe0\x9f", b"\xbf"),
    (b"\xf0\x80", b"\x80\xaf"),
    (b"\xf0\x8f", b"\xbf\xbf"),
    // Surrogates.
    (b"\xed\xa0", b"\x80"),
    (b"\xed\xaf", b"\xbf\xed\xb0\x80"),
    (b"\xed\xbf", b"\xbf"),
    // Above U+10FFFF.
    (b"\xf4\x90", b"\x80\x80"),
    (b"\xf7", b"\xbf\xbf\xbf"),
    // Characters that end too early.
    (b"\xc2 ", b""),
    (b"\xe1\x80 ", b""),
    (b"\xf1\x80\x80 ", b""),
    (
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0",
        b"\x80edited",
    ),
    (b"\xf0\x90\x80\xc2", b"\x80"),
    (b"\xdf\xc0", b""),
];

pub(super) fn texts() -> Vec<Case> {
    let mut cases = Vec::new();
    for text in GOOD {
        let name = format!("6 the text {}", text.escape_ascii());
        let whole = || Case::new(name.clone(), masked(TEXT, text)).returns(TEXT, text);
        cases.extend([whole(), whole().chopped(1)]);
        let bytes = fragmented(TEXT, text, 1);
        cases.push(Case::new(format!("{name} in fragments"), bytes).returns(TEXT, text));
        // The same text without its last byte, if that cuts a character.
        let cut = &text[..text.len() - 1];
        if std::str::from_utf8(cut).is_err() {
            cases.push(Case::new(format!("{name}, cut"), masked(TEXT, cut)).closes(1007));
        }
    }
    for (wrong, rest) in BAD {
        let text = [wrong, rest].concat();
        let name = format!("6 no text {}", text.escape_ascii());
        cases.push(Case::new(name.clone(), masked(TEXT, &text)).closes(1007));
        cases.push(Case::new(name.clone(), fragmented(TEXT, &text, 1)).closes(1007));
        // The server does not wait for the rest, neither of the message nor of the frame.
        let fast = |name: String, sent: [Vec<u8>; 2]| Case {
            sent: sent.to_vec(),
            is_fast: true,
            ..Case::new(name, []).closes(1007)
        };
        let begun = masked(TEXT_BEGIN, wrong);
        cases.push(fast(
            format!("{name}, a fragment"),
            [begun, masked(LAST, rest)],
        ));
        let mut begun = masked(TEXT, &[&text[..], b"more"].concat());
        let rest = begun.split_off(begun.len() - rest.len() - 4);
        cases.push(fast(format!("{name}, a frame"), [begun, rest]));
    }
    cases
}
