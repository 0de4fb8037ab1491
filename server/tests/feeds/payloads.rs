//! What real payloads become by rules, as a user writes them.

use std::process::Command;

use tickcast_server_testkit::command;

/// What `--try-decode` prints for a payload after the line about the rule.
fn decoded(rules: &[&str], topic: &str, payload: &str) -> Vec<String> {
    let mut arguments = vec!["--feed=none".to_owned()];
    arguments.extend(rules.iter().map(|rule| format!("--decode={rule}")));
    arguments.extend(["--try-decode", topic, payload].map(str::to_owned));
    let program = command(&[]);
    let program = program.as_std().get_program();
    let output = Command::new(program).args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{rules:?} {payload}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[track_caller]
fn check<const N: usize>(rule: &str, payload: &str, expected: [&str; N]) {
    assert_eq!(
        decoded(&[rule], "in", payload),
        expected,
        "{rule} {payload}"
    );
}

#[test]
fn every_trade_of_a_message_is_an_update_of_its_own_topic() {
    check(
        "in=json,each=/data,topic=market/{/symbol}/trade,price=/price,size=/qty,side=/side,\
         time=/timestamp,missing=skip",
        r#"{"channel":"trade","type":"update","data":[
            {"symbol":"X/USD","side":"sell","price":0.5117,"qty":40.0,"timestamp":"2023-09-25T07:49:37.708706Z"},
            {"symbol":"X/USD","side":"buy","price":0.5118,"qty":41.0,"timestamp":"2023-09-25T07:49:37.808706Z"}]}"#,
        [
            "market/X-USD/trade: trade 40.0 at 0.5117 (sell) at 2023-09-25T07:49:37.708706Z",
            "market/X-USD/trade: trade 41.0 at 0.5118 (buy) at 2023-09-25T07:49:37.808706Z",
        ],
    );
}

#[test]
fn what_is_missing_can_be_an_error_passed_over_or_absent() {
    let rule = |missing: &str| format!("in=json,each=/data,price=/p,size=/q{missing}");
    for other in [
        r#"{"channel":"heartbeat"}"#,
        r#"{"method":"subscribe","success":true}"#,
    ] {
        check(
            &rule(""),
            other,
            [r#"cannot be read: there is no array at "/data""#],
        );
        check(&rule(",missing=skip"), other, ["1 passed over by the rule"]);
        check(&rule(",missing=absent"), other, ["in: absent"]);
    }
    check(
        &rule(",missing=skip"),
        r#"{"data":[{"p":1,"q":2},{"p":null,"q":2},{"p":3}]}"#,
        ["in: trade 2 at 1", "2 passed over by the rule"],
    );
}

#[test]
fn sides_are_named_and_turned() {
    let trade = |side: &str| format!(r#"{{"p":1,"q":2,"s":{side}}}"#);
    let rule = "in=json,price=/p,size=/q,side=/s";
    check(rule, &trade(r#""SELL""#), ["in: trade 2 at 1 (sell)"]);
    check(rule, &trade(r#""""#), ["in: trade 2 at 1"]);
    check(rule, &trade("null"), ["in: trade 2 at 1"]);
    let makers = format!("{rule},side_of=maker");
    check(&makers, &trade(r#""sell""#), ["in: trade 2 at 1 (buy)"]);
    let numbers = format!("{rule},buy=0|B,sell=1|S");
    check(&numbers, &trade("0"), ["in: trade 2 at 1 (buy)"]);
    check(&numbers, &trade("1"), ["in: trade 2 at 1 (sell)"]);
    check(&numbers, &trade(r#""buy""#), ["in: trade 2 at 1"]);
    check(
        "in=json,price=/data/p,size=/data/q,buyer_maker=/data/m,time=/data/T",
        r#"{"stream":"btcusdt@trade","data":{"p":"0.001","q":"100","T":1672515782136,"m":true}}"#,
        ["in: trade 100 at 0.001 (sell) at 2022-12-31T19:43:02.136Z"],
    );
}

#[test]
fn one_sided_quotes_are_quotes() {
    let rule = "in=json,bid=/b,bid_size=/B,ask=/a,ask_size=/A";
    check(
        rule,
        r#"{"b":"0.00000000","B":"0.00000000","a":"25.36520000","A":"40.66000000"}"#,
        ["in: quote, bid none, ask 40.66000000 at 25.36520000"],
    );
    check(
        "in=json,each=/data,bid=/bids/0/0,bid_size=/bids/0/1,ask=/asks/0/0,ask_size=/asks/0/1,time=/ts",
        r#"{"data":[{"asks":[["41006.8","0.6","0","1"]],"bids":[],"ts":"1629966436396"}]}"#,
        ["in: quote, bid none, ask 0.6 at 41006.8 at 2021-08-26T08:27:16.396Z"],
    );
}

#[test]
fn decimals_keep_what_is_exact_and_are_rounded_where_asked() {
    let trade = |price: &str| format!(r#"{{"price":{price},"size":1}}"#);
    let exact = "in=json,price=/price,size=/size";
    check(exact, &trade("1E-8"), ["in: trade 1 at 0.00000001"]);
    check(
        exact,
        &trade(r#""100000000000.00000000""#),
        ["in: trade 1 at 100000000000.0000000"],
    );
    check(exact, &trade(r#"" 5 ""#), ["in: trade 1 at 5"]);
    check(
        exact,
        &trade(r#""0.1234567890123456789""#),
        [
            r#"cannot be read: price "0.1234567890123456789": it has more digits than an exact decimal holds (about 18)"#,
        ],
    );
    let rounded = format!("{exact},round=8");
    check(
        &rounded,
        &trade(r#""0.1234567890123456789""#),
        ["in: trade 1 at 0.12345679"],
    );
    let comma = format!("{exact},decimal=comma");
    check(&comma, &trade(r#""1.234,50""#), ["in: trade 1 at 1234.50"]);
    check("in=number,decimal=comma", "21,5", ["in: reading 21.5"]);
}

#[test]
fn times_are_read_in_the_form_that_the_rule_names() {
    let value = |time: &str| format!(r#"{{"v":1,"t":{time}}}"#);
    let rule = |keys: &str| format!("in=json,value=/v,time=/t,{keys}");
    let at_noon = ["in: reading 1 at 2024-02-01T11:00:00Z"];
    check(
        &rule("time_unit=yyyymmdd,utc_offset=+01:00"),
        &value(r#""20240201 12:00:00""#),
        at_noon,
    );
    check(
        &rule("zone=Europe/Berlin"),
        &value(r#""2024-02-01T12:00:00""#),
        at_noon,
    );
    check(
        &rule("time_unit=rfc2822"),
        &value(r#""Thu, 01 Feb 2024 11:00:00 GMT""#),
        at_noon,
    );
    check(
        &rule("time_format=%d.%m.%Y %H:%M:%S,zone=Europe/Berlin"),
        &value(r#""01.02.2024 12:00:00""#),
        at_noon,
    );
    check(
        &rule("time_unit=iso8601"),
        &value(r#""2024-02-01T12:00:00""#),
        [
            "in: reading 1",
            "1 without their time, which is unreadable, impossible or local",
        ],
    );
    check(
        &rule("time_unit=ms"),
        r#"{"v":1}"#,
        [
            "in: reading 1",
            "1 without their time, which is unreadable, impossible or local",
        ],
    );
}

#[test]
fn an_object_can_be_split_by_choice() {
    let payload = r#"{"temperature":21.5,"humidity":40,"update":{"state":"idle","size":3}}"#;
    check(
        "in=fields,include=temperature|humidity",
        payload,
        [
            "in/temperature: reading 21.5",
            "in/humidity: reading 40",
            "2 passed over by the rule",
        ],
    );
    check(
        "in=fields,exclude=update",
        payload,
        [
            "in/temperature: reading 21.5",
            "in/humidity: reading 40",
            "2 passed over by the rule",
        ],
    );
    check(
        "in=fields,include=update/state,keep=text",
        payload,
        [
            &format!("in: text {payload:?}"),
            "in/update/state: text \"idle\"",
            "3 passed over by the rule",
        ],
    );
    check("in=text", payload, [&format!("in: text {payload:?}")]);
}

#[test]
fn what_a_message_says_chooses_its_rule() {
    let rules = [
        "in=json,when=/channel=trade&/type=update|snapshot,each=/data,price=/p,size=/q",
        "in=json,when=/channel=ticker,value=/last",
        "in=skip,when=/channel=heartbeat",
        "in=skip,when==pong",
        "in=error,when=/success=false,reason=/error",
        "in=skip,when=/success&!/error",
    ];
    for (payload, expected) in [
        (
            r#"{"channel":"trade","type":"update","data":[{"p":1,"q":2},{"p":3,"q":4}]}"#,
            &["in: trade 2 at 1", "in: trade 4 at 3"][..],
        ),
        (r#"{"channel":"ticker","last":7}"#, &["in: reading 7"]),
        (r#"{"channel":"heartbeat"}"#, &["1 passed over by the rule"]),
        ("pong", &["1 passed over by the rule"]),
        (
            r#"{"success":true,"error":null}"#,
            &["1 passed over by the rule"],
        ),
        (
            r#"{"success":false,"error":"no such pair"}"#,
            &["the source reports an error: no such pair"],
        ),
        (
            r#"{"success":false}"#,
            &[r#"the source reports an error: {"success":false}"#],
        ),
        (
            r#"{"channel":"trade","type":"other"}"#,
            &[
                "cannot be read: none of the rules for its topic applies to it: \
               {\"channel\":\"trade\",\"type\":\"other\"}",
            ],
        ),
        (
            "ping",
            &["cannot be read: none of the rules for its topic applies to it: ping"],
        ),
    ] {
        assert_eq!(decoded(&rules, "in", payload), expected, "{payload}");
    }
    // A last rule without conditions is for everything else, and other topics are not concerned.
    let with_rest = [&rules[..], &["in=text"]].concat();
    assert_eq!(decoded(&with_rest, "in", "ping"), [r#"in: text "ping""#]);
    assert_eq!(decoded(&rules, "other", "7"), ["other: reading 7"]);
}

#[test]
fn a_topic_can_be_a_part_of_a_text_in_the_message() {
    let rule =
        "in=json,topic=bitstamp/{/channel=live_trades_*}/trade,price=/data/price,size=/data/amount";
    check(
        rule,
        r#"{"channel":"live_trades_btcusd","data":{"price":1.5,"amount":2}}"#,
        ["bitstamp/btcusd/trade: trade 2 at 1.5"],
    );
    check(
        rule,
        r#"{"channel":"order_book_btcusd","data":{"price":1.5,"amount":2}}"#,
        [r#"cannot be read: there is no part for the topic at "/channel""#],
    );
}

#[test]
fn a_payload_that_is_not_json_is_told_in_plain_words() {
    let rule = "in=json,value=/v";
    for (payload, reason) in [
        ("", "it is not complete JSON: it ends after 0 bytes"),
        (
            "not json",
            "it is not JSON from byte 1 on, near \"ot json\"",
        ),
        ("{\"v\":1", "it is not complete JSON: it ends after 6 bytes"),
        ("{\"v\":1}}", "it is not JSON from byte 7 on, near \"}\""),
    ] {
        check(rule, payload, [&*format!("cannot be read: {reason}")]);
    }
}

#[test]
fn the_rule_that_applies_is_named() {
    let program = command(&[]);
    let mut command = Command::new(program.as_std().get_program());
    command.args([
        "--decode=a/#=text",
        "--decode=b/#=number",
        "--try-decode",
        "b/c",
        "7",
    ]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text, "rule 2 of 2, for b/#\nb/c: reading 7\n");
}

#[test]
fn a_rule_that_makes_no_sense_is_refused_with_the_form_that_is_wanted() {
    for (rule, wanted) in [
        (
            "in=json,each=data,value=/v",
            "a JSON pointer starts with '/'",
        ),
        ("in=json,topic=a/{/b,value=/v", "write it as in"),
        ("in=json,value=/v,time=/t,utc_offset=1", "+01:00"),
        ("in=json,value=/v,time=/t,zone=Mars", "Europe/Berlin"),
        ("in=json,value=/v,round=3", "round does not fit"),
        ("in=text,include=a", "include does not fit"),
        ("in=text,when=a=1", "/channel=trade&/type"),
        ("in=skip,when=", "a condition is empty"),
        ("in=skip,reason=/a", "reason does not fit"),
        ("in=json,value=/v,topic=a/{/b=c}", "there is no '*'"),
        ("in=fields,include=a||b", "with | between them"),
        (
            "in=json,price=/p,size=/q,round=19",
            "expected a number from 0 to 18",
        ),
    ] {
        let program = command(&[]);
        let mut command = Command::new(program.as_std().get_program());
        let output = command
            .args([&format!("--decode={rule}"), "--check"])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{rule}");
        assert!(error.contains(wanted), "{rule}: {error}");
    }
}
