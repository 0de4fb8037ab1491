//! The replay feed: tables as exchanges, loggers and data frames write them.

use std::{fs, io::Write, path::PathBuf};

use flate2::{Compression, write::GzEncoder};
use tickcast_core::work::NewUpdate;
use tickcast_protocol::value::Value;
use tickcast_server::testing::{
    FeedSettings, Source,
    replay::{ReplayFile, ReplaySettings},
};
use tickcast_server_testkit::{Program, command, until};

use crate::replay::{as_text, play, replay};

/// 2024-01-01T00:00:00Z
const NEW_YEAR_S: i64 = 1_704_067_200;

/// A file in a folder of its own.
struct Table {
    folder: tempfile::TempDir,
    name: &'static str,
    format: &'static str,
}

impl Table {
    fn new(content: impl AsRef<[u8]>) -> Self {
        let table = Self {
            folder: tempfile::tempdir().unwrap(),
            name: "t.csv",
            format: "auto",
        };
        fs::write(table.path(), content).unwrap();
        table
    }

    fn format(self, format: &'static str) -> Self {
        Self { format, ..self }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    fn settings(&self) -> ReplaySettings {
        ReplaySettings {
            format: self.format.parse().unwrap(),
            ..replay(vec![self.path().to_str().unwrap().parse().unwrap()])
        }
    }

    /// What is replayed, as lines: seconds since the new year, the topic and the value.
    async fn played(&self) -> (Vec<String>, u64) {
        let (updates, undecodable) = play(self.settings()).await;
        (updates.iter().map(line).collect(), undecodable)
    }

    #[track_caller]
    fn check_error(&self, part: &str) {
        let feed = FeedSettings {
            name: "r".into(),
            source: Source::Replay(self.settings()),
        };
        let error = feed.check().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

fn line(update: &NewUpdate) -> String {
    let since_ns = update.source_time_ns.unwrap() - NEW_YEAR_S * 1_000_000_000;
    let topic = update.topic.as_str().strip_prefix("replay/");
    let value = match &update.value {
        Value::Quote(quote) => {
            let side = |side: Option<_>| {
                side.map_or(
                    "none".to_owned(),
                    |side: tickcast_protocol::decimal::Decimal| side.to_string(),
                )
            };
            format!("{} {}", side(quote.bid), side(quote.ask))
        }
        Value::Text(text) => format!("text {text}"),
        Value::Absent(word) => format!("absent {word}"),
        other => as_text(other),
    };
    let unit = update.unit.as_deref().map(|unit| format!(" {unit}"));
    format!(
        "{} {} {value}{}",
        since_ns as f64 / 1e9,
        topic.unwrap_or(update.topic.as_str()),
        unit.unwrap_or_default()
    )
}

async fn check(table: &Table, expected: &[&str]) {
    assert_eq!(table.played().await, (owned(expected), 0));
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|&line| line.to_owned()).collect()
}

#[tokio::test]
async fn a_first_row_that_is_data_is_no_heading() {
    let rows = "3358127700,93576.00000000,0.00013000,4359,4359,1735689600000123,True,True\n\
                3358127701,93576.01000000,0.00100000,4360,4360,1735689600100456,False,True\n";
    let expected = [
        "31622400.000123 t 93576.00000000 0.00013000 Some(Sell)",
        "31622400.100456 t 93576.01000000 0.00100000 Some(Buy)",
    ];
    for format in [
        "time=6,price=2,size=3,buyer_maker=7",
        "time=6,price=2,size=3,buyer_maker=7,header=false",
        "binance-agg-trades",
        "auto",
    ] {
        check(&Table::new(rows).format(format), &expected).await;
    }
    // With a heading, the same format reads the rows below it.
    let with_heading = format!("id,p,q,f,l,T,m,M\n{rows}");
    let format = "time=6,price=2,size=3,buyer_maker=7";
    check(&Table::new(with_heading).format(format), &expected).await;

    let readings = Table::new("2024-01-01,1\n2024-01-02,2\n").format("time=1,value=2");
    check(&readings, &["0 t 1.0", "86400 t 2.0"]).await;
    let texts = Table::new("2024-01-01,open\n").format("time=1,text=2");
    check(&texts, &["0 t text open"]).await;
    let told = Table::new("a,b\n2024-01-01,1\n").format("time=1,value=2");
    check(&told, &["0 t 1.0"]).await;
    let skipped = Table::new("made by x\n\n2024-01-01,1\n").format("time=1,value=2,skip=1");
    check(&skipped, &["0 t 1.0"]).await;
}

#[tokio::test]
async fn what_may_be_a_heading_or_a_row_is_an_error_that_says_what_to_set() {
    for rows in ["time,1\n2024-01-01,2\n", "2024-01-01,x\n2024-01-02,2\n"] {
        let table = Table::new(rows).format("time=1,value=2");
        table.check_error("set header=true or header=false in --replay-format");
    }
    let told = Table::new("time,1\n2024-01-01,2\n").format("time=1,value=2,header=true");
    check(&told, &["0 t 2.0"]).await;
    Table::new("2024-01-01,1\n2024-01-02,2\n").check_error("as in \"time=1,value=2\"");
}

#[tokio::test]
async fn the_headings_of_data_frames_and_vendors_are_known() {
    let reading = ["0 t 1.5"];
    for rows in [
        "time,value\n2024-01-01,1.5\n",
        "Timestamp,Value\n2024-01-01,1.5\n",
        "TS,VAL\n1704067200,1.5\n",
        "date,value\n20240101,1.5\n",
        "DateTime,reading\n2024-01-01T00:00:00Z,1.5\n",
        "Unnamed: 0,timestamp,value\n0,2024-01-01,1.5\n",
        ",value\n2024-01-01,1.5\n",
        "Unnamed: 0,close\n2024-01-01,1.5\n",
        "date,close\n20240101,1.5\n",
        "time,temperature\n2024-01-01,1.5\n",
        "date,time,value\n2024-01-01,00:00:00,1.5\n",
        "time,value,lost_before\n2024-01-01T00:00:00Z,1.5,\n",
        "date,time,value\n2024-01-01,1704067200,1.5\n",
        "<DATE>\t<TIME>\t<CLOSE>\n2024.01.01\t00:00:00\t1.5\n",
    ] {
        check(&Table::new(rows), &reading).await;
    }
    let trade = ["0 t 10.50 2 Some(Buy)"];
    for rows in [
        "timestamp,price,quantity,side\n2024-01-01,10.50,2,buy\n",
        "timestamp,trade_id,price,qty,is_buyer_maker\n2024-01-01,7,10.50,2,false\n",
        "ts,price,amount,side\n1704067200000,10.50,2,BUY\n",
        "Time,Price,Volume,Side\n2024-01-01,10.50,2,b\n",
    ] {
        check(&Table::new(rows), &trade).await;
    }
    let no_side = Table::new("time,price,size,side\n2024-01-01,1,2,\n2024-01-01,1,2,?\n");
    check(&no_side, &["0 t 1 2 None"; 2]).await;
    let quote =
        Table::new("Gmt time,Bid,Ask,BidVolume,AskVolume\n01.01.2024 00:00:00.000,1.1,1.2,3,4\n");
    check(&quote, &["0 t 1.1 1.2"]).await;

    let german = Table::new("Zeit;Wert\n01.01.2024 00:00:00;21,5\n01.01.2024 00:00:01;21,6\n");
    german.check_error("the heading is not known: it begins with \"Zeit,Wert\"");
    german.check_error("timestamp, datetime, time, ts, date");
    german.check_error("--replay-format, as in \"time=Zeit,value=Wert\"");
    check(
        &german.format("time=zeit,value=Wert"),
        &["0 t 21.5", "1 t 21.6"],
    )
    .await;
}

#[tokio::test]
async fn trades_of_an_exchange_in_disorder_are_replayed_in_order() {
    let table = Table::new(
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n\
         1862715434,26951.0,0.003,1,1,1704067200732,false\n\
         1896999302,33944.3,0.001,2,2,1706313600575,false\n\
         1862715435,26950.9,0.005,3,3,1704067200758,true\n",
    );
    let expected = [
        "0.732 t 26951.0 0.003 Some(Buy)",
        "0.758 t 26950.9 0.005 Some(Sell)",
        "2246400.575 t 33944.3 0.001 Some(Buy)",
    ];
    check(&table, &expected).await;
}

#[tokio::test]
async fn each_column_of_values_is_a_topic() {
    let wide = Table::new(
        "timestamp,temp,hum\n2024-01-01T00:00:00Z,21.5,40\n2024-01-01T00:00:01Z,21.6,41\n",
    );
    let expected = [
        "0 t/temp 21.5",
        "0 t/hum 40.0",
        "1 t/temp 21.6",
        "1 t/hum 41.0",
    ];
    check(&wide, &expected).await;
    let values = "time=timestamp,values=temp|hum";
    check(&wide.format(values), &expected).await;
    let named = Table::new("2024-01-01,1,2\n").format("time=1,values=3:b|2:a");
    check(&named, &["0 t/b 2.0", "0 t/a 1.0"]).await;
    let all = Table::new("t,a/b,a_b,door\n2024-01-01,1,2,open\n").format("time=t,values=*");
    check(
        &all,
        &["0 t/a_b 1.0", "0 t/a_b_2 2.0", "0 t/door text open"],
    )
    .await;

    let unnamed = Table::new("2024-01-01,1,2\n").format("time=1,values=*");
    check(&unnamed, &["0 t/2 1.0", "0 t/3 2.0"]).await;

    let bars = Table::new(
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,1,2,0.5,1.5,1.5,100\n\
         2024-01-03,null,null,null,null,null,null\n",
    );
    let mut expected = Vec::new();
    let levels = ["open", "high", "low", "close", "adj_close", "volume"];
    for (level, value) in levels
        .iter()
        .zip(["1.0", "2.0", "0.5", "1.5", "1.5", "100.0"])
    {
        expected.push(format!("86400 t/{level} {value}"));
    }
    expected.extend(levels.map(|level| format!("172800 t/{level} absent null")));
    assert_eq!(bars.played().await, (expected, 0));

    let histdata = Table::new("20240101 170000;1.12120;1.12130;1.12110;1.12125;0\n");
    // 17:00 in New York's standard time is 22:00 UTC.
    let bars = [
        "open 1.1212",
        "high 1.1213",
        "low 1.1211",
        "close 1.12125",
        "volume 0.0",
    ];
    let expected = bars.map(|bar| format!("79200 t/{bar}"));
    assert_eq!(histdata.played().await, (expected.to_vec(), 0));
}

#[tokio::test]
async fn a_cell_that_cannot_be_read_does_not_spoil_the_others_of_its_row() {
    let table = Table::new("time,a,b\n2024-01-01,1,2\n2024-01-02,x,3\n2024-01-03,4\n");
    let (lines, undecodable) = table.played().await;
    assert_eq!(
        lines,
        ["0 t/a 1.0", "0 t/b 2.0", "86400 t/b 3.0", "172800 t/a 4.0"]
    );
    assert_eq!(undecodable, 2);
}

#[tokio::test]
async fn a_cell_names_the_topic() {
    let rows =
        "time,sensor,value\n2024-01-01T00:00:00Z,kitchen,21.5\n2024-01-01T00:00:00Z,hall/2,19.5\n";
    check(&Table::new(rows), &["0 t/kitchen 21.5", "0 t/hall-2 19.5"]).await;
    let plant = ["0 plant/kitchen 21.5", "0 plant/hall-2 19.5"];
    let table = Table::new(rows).format("topic=plant/{sensor}");
    check(&table, &plant).await;
    let table = Table::new(rows).format("time=time,value=value,topic=plant/{sensor}");
    check(&table, &plant).await;
    let table = Table::new(rows).format("topic={sensor}");
    check(&table, &["0 kitchen 21.5", "0 hall/2 19.5"]).await;
    // The topic of a file may name columns, too.
    let mut settings = Table::new(rows).settings();
    let table = Table::new(rows);
    settings.files = vec![ReplayFile {
        topic: "plant/{sensor}".parse().unwrap(),
        path: table.path(),
    }];
    let (updates, _) = play(settings).await;
    assert_eq!(updates.iter().map(line).collect::<Vec<_>>(), plant);

    let logged = Table::new("time,topic,value\n2024-01-01,a/b,1\n2024-01-01,a/door,open\n");
    check(&logged, &["0 a/b 1.0", "0 a/door text open"]).await;
    let wide = Table::new(
        "unix,date,symbol,open,high,low,close\n1704067200,2024-01-01,BTC/USDT,1,2,0.5,1.5\n",
    );
    let bars = ["open 1.0", "high 2.0", "low 0.5", "close 1.5"];
    let bars = bars.map(|bar| format!("0 t/BTC-USDT/{bar}"));
    assert_eq!(wide.played().await, (bars.to_vec(), 0));
    let units = Table::new("time,sensor,value,unit\n2024-01-01,a,1,°C\n2024-01-01,b,2,%\n");
    check(&units, &["0 t/a 1.0 °C", "0 t/b 2.0 %"]).await;
    let missing = Table::new(rows).format("topic=plant/{room}");
    missing.check_error("there is no column \"room\"");
    Table::new("time,sensor,value\n2024-01-01,,1\n").check_error("the cell is empty");
}

#[tokio::test]
async fn times_are_read_in_the_forms_that_tables_have() {
    for (time, format) in [
        ("01.01.2024 00:00:00", "auto"),
        ("2024-01-01 01:00:00", "utc_offset=+01:00"),
        ("2024-01-01 01:00:00", "zone=Europe/Berlin"),
        ("01/01/2024 00:00", "day_first=true"),
        ("1/1/2024 12:00:00 AM", "day_first=false"),
        ("Mon, 01 Jan 2024 00:00:00 GMT", "auto"),
        ("1704067200", "auto"),
        ("1704067200000000000", "auto"),
        ("1704067200.0", "auto"),
        ("01.01.24", "time_format=%d.%m.%y"),
        ("2023-12-31T23:59:60Z", "auto"),
    ] {
        let rows = format!("time;value\n{time};1\n");
        check(&Table::new(rows).format(format), &["0 t 1.0"]).await;
    }
    let two = Table::new("20240101,93000,1\n20240101,100000,2\n").format("date=1,time=2,value=3");
    check(&two, &["34200 t 1.0", "36000 t 2.0"]).await;
    Table::new("time,value\n01/02/2024,1\n").check_error("set day_first=true or day_first=false");
    Table::new("time,value\n1000,1\n").check_error("set time_unit in --replay-format");
    check(
        &Table::new("time,value\n01/02/2024,1\n").format("day_first=true"),
        &["2678400 t 1.0"],
    )
    .await;
}

#[tokio::test]
async fn numbers_are_read_as_they_are_written() {
    let comma =
        Table::new("timestamp;value\n2024-01-01 00:00:00;21,5\n2024-01-01 00:00:01;1.021,6\n");
    check(&comma, &["0 t 21.5", "1 t 1021.6"]).await;
    let thousands = Table::new("timestamp,value\n2024-01-01 00:00:00,\"1,234.50\"\n");
    check(&thousands, &["0 t 1234.5"]).await;
    let unclear = || Table::new("timestamp;value\n2024-01-01;1,234\n");
    unclear().check_error("set decimal=comma or decimal=point in --replay-format");
    check(&unclear().format("decimal=comma"), &["0 t 1.234"]).await;
    check(&unclear().format("decimal=point"), &["0 t 1234.0"]).await;
    let scaled = Table::new("time,price,size\n2024-01-01,3943248000000,150000000\n");
    let scaled = scaled.format("price_scale=1e-8,size_scale=1e-8");
    check(&scaled, &["0 t 39432.48000000 1.50000000 None"]).await;
    let gaps = || {
        Table::new(
            "timestamp,value\n2024-01-01T00:00:00Z,21.5\n2024-01-01T00:00:01Z,\n\
             2024-01-01T00:00:02Z,NA\n2024-01-01T00:00:03Z,NaN\n2024-01-01T00:00:04Z,22\n",
        )
    };
    let expected = [
        "0 t 21.5",
        "1 t absent ",
        "2 t absent NA",
        "3 t absent NaN",
        "4 t 22.0",
    ];
    check(&gaps(), &expected).await;
    let (lines, undecodable) = gaps().format("missing=skip").played().await;
    assert_eq!((lines, undecodable), (owned(&["0 t 21.5", "4 t 22.0"]), 0));
    let (lines, undecodable) = gaps().format("missing=error").played().await;
    assert_eq!((lines, undecodable), (owned(&["0 t 21.5", "4 t 22.0"]), 3));
    let one_sided =
        Table::new("timestamp,bid,ask\n2024-01-01 00:00:00,1.1,1.2\n2024-01-01 00:00:01,,1.2\n");
    check(&one_sided, &["0 t 1.1 1.2", "1 t none 1.2"]).await;
}

#[tokio::test]
async fn delimiters_quotes_line_ends_and_marks_are_found() {
    for rows in [
        "\u{feff}timestamp,value\r\n2024-01-01,1\r\n",
        "timestamp\tvalue\n2024-01-01\t1\n",
        "timestamp|value\n2024-01-01|1\n",
        "timestamp;value\n2024-01-01;1\n",
        "sep=;\r\ntimestamp;value\r\n2024-01-01;1\r\n",
        "\"timestamp\",\"value\"\r2024-01-01,\"1\"",
        "timestamp , value\n2024-01-01 , 1\n",
    ] {
        check(&Table::new(rows), &["0 t 1.0"]).await;
    }
    let spaces = Table::new("2024-01-01 1\n").format("time=1,value=2,delimiter=space");
    check(&spaces, &["0 t 1.0"]).await;
    Table::new(b"\xff\xfet\0i\0").check_error("it is UTF-16");
    Table::new(b"PK\x03\x04....").check_error("zip archive");
    Table::new(b"timestamp,Temperatur \xb0C\n2024-01-01,1\n").check_error("it is not UTF-8");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_compressed_file_is_known_by_its_content() {
    let text = "\u{feff}timestamp,value\n2024-01-01 00:00:00,1.5\n2024-01-01 00:00:01,1.6\n";
    let expected = ["0 t 1.5", "1 t 1.6"];
    check(&Table::new(gzip(text)), &expected).await;
    // A file may have several members.
    let (first, second) = text.split_at(40);
    check(&Table::new([gzip(first), gzip(second)].concat()), &expected).await;
    let recording = "{\"topic\":\"a\",\"time\":1704067200000000000,\"value\":{\"reading\":1.0}}\n";
    check(&Table::new(gzip(recording)), &["0 a 1.0"]).await;
}

#[tokio::test]
async fn the_rows_before_damage_are_replayed_and_it_is_told() {
    let rows: String = (0..20_000)
        .map(|row| format!("{},{}\n", NEW_YEAR_S + row, row * 7919 % 10_007))
        .collect();
    let whole = gzip(&format!("timestamp,value\n{rows}"));
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let cut = &whole[..whole.len() / 2];
    let mut wrong_sum = whole.clone();
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 1;
    for (bytes, reason) in [
        (cut, "the gzip data ends too early"),
        (&flipped, "the gzip data is damaged"),
        (&wrong_sum, "the gzip data is damaged"),
        (
            &[&whole[..], b"more than a header"].concat(),
            "the gzip data is damaged",
        ),
    ] {
        let table = Table::new(bytes);
        let (lines, undecodable) = table.played().await;
        assert!(lines.len() > 1_000, "{reason}: {}", lines.len());
        assert!(undecodable >= 1);
        assert_eq!(
            lines[999],
            format!("999 t {:?}", f64::from(999 * 7919 % 10_007))
        );
        let log = server_log(&table.path()).await;
        let line = log
            .lines()
            .find(|line| line.contains("the rest of the file"));
        let line = line.unwrap_or_else(|| panic!("{log}"));
        assert!(line.contains(&format!("rows={}", lines.len())), "{line}");
        assert!(line.contains(reason), "{line}");
    }
}

/// The log of a server that replays a file.
async fn server_log(path: &std::path::Path) -> String {
    let path = path.to_str().unwrap();
    let arguments = [
        "--feed",
        "replay",
        "--replay-file",
        path,
        "--replay-speed",
        "max",
    ];
    let server = Program::start(&arguments).await;
    until("the replay ends", async || {
        server.log().contains("feed has finished")
    })
    .await;
    server.log()
}

#[tokio::test]
async fn a_check_says_what_is_in_a_file() {
    let table = Table::new("timestamp,temp,hum,note,id\n2024-01-01T00:00:00Z,21.5,40,,7\n");
    let path = table.path();
    let path = path.to_str().unwrap();
    let arguments = ["--feed", "replay", "--replay-file", path, "--check"];
    let output = command(&arguments).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "a heading, delimiter comma, columns time \"timestamp\", value \"temp\", value \
                    \"hum\", value \"note\" (not read: \"id\"), from 2024-01-01T00:00:00Z: 3 \
                    topics below replay/t";
    assert!(text.contains(expected), "{text}");
}
