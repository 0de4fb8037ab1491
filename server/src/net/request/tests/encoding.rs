use proptest::prelude::*;

use super::{super::encoding::prefers_gzip, headers};

fn prefers(fields: &[&str]) -> bool {
    let fields: Vec<_> = fields
        .iter()
        .map(|field| ("accept-encoding", *field))
        .collect();
    prefers_gzip(&headers(&fields))
}

#[test]
fn a_client_gets_gzip_if_it_names_it_and_likes_nothing_better() {
    for accepted in [
        "gzip",
        "gzip, deflate, br, zstd",
        "br;q=1.0, gzip;q=0.8, *;q=0.1",
        "GZIP",
        "x-gzip",
        "*",
        "deflate, *;q=0.5",
        " br , gzip ; q=0.001 ",
        "gzip;Q=1.000",
        "identity;q=0.5, gzip;q=0.5",
        "gzip;q=0, gzip",
        ",,gzip,",
    ] {
        assert!(prefers(&[accepted]), "{accepted:?}");
    }
    assert!(prefers(&["br", "gzip"]));
}

#[test]
fn a_client_gets_the_file_itself_if_it_does_not_name_gzip_or_refuses_it() {
    for refused in [
        "",
        "identity",
        "br",
        "deflate, br;q=0.9",
        "gzip;q=0",
        "gzip;q=0.000",
        "*;q=0",
        "gzip;q=0, *",
        "identity, gzip;q=0.9",
        "gzippy",
        "gzip;q=2",
        "gzip;q=1.5",
        "gzip;q=0.1234",
        "gzip;q=-1",
        "gzip;q=0.+1",
        "gzip;level=9",
    ] {
        assert!(!prefers(&[refused]), "{refused:?}");
    }
    assert!(!prefers(&[]));
}

proptest! {
    #[test]
    fn any_field_is_read_or_ignored(field in "[ -~]{0,40}") {
        prefers(&[&field]);
    }

    #[test]
    fn weights_decide_between_gzip_and_the_file_itself(gzip in 0u16..=1000, identity in 0u16..=1000) {
        let weight = |thousandths: u16| format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        let field = format!("identity;q={}, gzip;q={}", weight(identity), weight(gzip));
        prop_assert_eq!(prefers(&[&field]), gzip > 0 && gzip >= identity);
    }
}
