//! `crlctl block`, `unblock` and `blocks`: what the operator has blocked.

use crl_fetcher::overrides::{Block, Overrides, Target};
use revocation::{BlockedKey, SerialNumber, hexadecimal};
use serde_json::json;
use testkit::pki::{Ca, KeyIdentifier, LeafOptions};
use testkit::s3::S3Server;

use crate::{Folder, Run, crlctl, crlctl_with};

/// The command with the options that every block needs.
fn block(overrides: &str, target: &[&str]) -> Run {
    let required = [
        "block",
        "--overrides",
        overrides,
        "--until",
        "30d",
        "--note",
        "INC-7",
    ];
    crlctl(&[&required[..], target].concat())
}

fn unblock(overrides: &str, target: &[&str]) -> Run {
    crlctl(&[&["unblock", "--overrides", overrides][..], target].concat())
}

fn read(path: &str) -> Vec<Block> {
    Overrides::read(&std::fs::read(path).unwrap())
        .unwrap()
        .blocks
}

struct Scene {
    folder: Folder,
    ca: Ca,
    overrides: String,
}

impl Scene {
    fn new(test: &str) -> Self {
        let folder = Folder::new(test);
        let overrides = folder.0.join("overrides.json");
        Self {
            overrides: overrides.to_str().unwrap().to_owned(),
            ca: Ca::root("CA"),
            folder,
        }
    }
}

#[test]
fn a_target_can_be_named_in_every_way() {
    let Scene {
        folder,
        ca,
        overrides,
    } = &Scene::new("every-way");
    let leaf = ca.issue("alice");
    let client = folder.write("alice.pem", leaf.certificate_pem());
    let client_der = folder.write("alice.der", leaf.certificate_der());
    let ca_file = folder.write("ca.pem", ca.certificate_pem());
    let colons = |octets: &[u8]| {
        let digits: Vec<_> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
        digits.join(":")
    };
    let (key_id, serial) = (colons(ca.key_id()), colons(&leaf.serial()));
    let certificate = Target::Certificate {
        issuer: ca.key_id().to_vec(),
        serial: SerialNumber::from_magnitude(&leaf.serial()).unwrap(),
    };
    let hash = BlockedKey::hash(&leaf.spki_der());
    let (key, key_text) = (Target::Key(hash), hexadecimal(&hash));
    for (arguments, expected) in [
        (&["--cert", &client][..], &certificate),
        (&["--cert", &client_der, "--issuer", &ca_file], &certificate),
        (&["--issuer", &key_id, "--serial", &serial], &certificate),
        (&["--issuer", &ca_file, "--serial", &serial], &certificate),
        (&["--key-of", &client], &key),
        (&["--key", &key_text], &key),
    ] {
        let run = block(overrides, arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
        assert!(
            run.stdout
                .starts_with(&format!("blocked: {expected}, until "))
        );
        let blocks = read(overrides);
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].target, *expected);
        assert_eq!(blocks[0].note, "INC-7");
        assert_eq!(blocks[0].until.since(blocks[0].since), 30 * 86_400);
        let run = unblock(overrides, arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
        assert!(run.stdout.starts_with(&format!("unblocked: {expected}\n")));
        assert_eq!(read(overrides), []);
        let run = unblock(overrides, arguments);
        assert_eq!(run.status, 1);
        assert!(run.stdout.contains("was not blocked"), "{}", run.stdout);
    }
}

#[test]
fn a_second_block_of_a_target_takes_the_place_of_the_first() {
    let Scene {
        folder,
        ca,
        overrides,
    } = &Scene::new("second-block");
    let client = folder.write("alice.pem", ca.issue("alice").certificate_pem());
    let other = folder.write("bob.pem", ca.issue("bob").certificate_pem());
    assert_eq!(block(overrides, &["--cert", &client]).status, 0);
    assert_eq!(block(overrides, &["--cert", &other]).status, 0);
    let until = ["--until", "2036-01-01T00:00:00Z", "--note", "longer"];
    let arguments = ["block", "--overrides", overrides, "--cert", &client];
    let run = crlctl(&[&arguments[..], &until].concat());
    assert!(run.stdout.contains("  before: until "), "{}", run.stdout);
    assert!(run.stdout.contains(": INC-7\n"), "{}", run.stdout);
    let blocks = read(overrides);
    assert_eq!(blocks.len(), 2);
    assert_eq!(blocks[1].note, "longer");
    assert_eq!(blocks[1].until.to_string(), "2036-01-01T00:00:00Z");
}

#[test]
fn blocks_are_listed() {
    let Scene { overrides, .. } = &Scene::new("listed");
    let list = |format| crlctl(&["blocks", "--overrides", overrides, "--format", format]);
    let run = list("text");
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert_eq!(run.stdout, format!("{overrides}: nothing is blocked\n"));
    let octets = r#"{"version": 1, "blocks": [
        {"issuer": "0a", "serial": "0b", "since": "2026-01-01T00:00:00Z",
         "until": "2026-02-01T00:00:00Z", "note": "over"},
        {"key": "KEY", "since": "2026-01-01T00:00:00Z",
         "until": "2096-02-01T00:00:00Z", "note": "a key"}]}"#;
    let key = "ab".repeat(32);
    std::fs::write(overrides, octets.replace("KEY", &key)).unwrap();
    let expected = json!({
        "overrides": overrides,
        "blocks": [
            {"issuer": "0a", "serial": "0b", "since": "2026-01-01T00:00:00Z",
             "until": "2026-02-01T00:00:00Z", "hasEnded": true, "note": "over"},
            {"key": key, "since": "2026-01-01T00:00:00Z",
             "until": "2096-02-01T00:00:00Z", "hasEnded": false, "note": "a key"},
        ],
    });
    assert_eq!(list("json").json(), expected);
    let text = list("text").stdout;
    for part in [
        "serial number 0b of CA 0a\n  ended  2026-02-01T00:00:00Z, ",
        " ago\n  since  2026-01-01T00:00:00Z\n  note   over\n",
        &format!("public key {key}\n  until  2096-02-01T00:00:00Z, in "),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_is_wrong_is_named_and_nothing_is_written() {
    let Scene {
        folder,
        ca,
        overrides,
    } = &Scene::new("wrong");
    let other = folder.write("other.pem", Ca::root("Other").certificate_pem());
    let client = folder.write("alice.pem", ca.issue("alice").certificate_pem());
    let without_key_id = LeafOptions {
        authority_key_identifier: KeyIdentifier::Absent,
        ..LeafOptions::default()
    };
    let without_key_id = ca.issue_with("bob", without_key_id);
    let without_key_id = folder.write("bob.pem", without_key_id.certificate_pem());
    let text = folder.write("text", "hello");
    for (target, expected) in [
        (&["--key", "ab"][..], "--key: it is not the 64"),
        (
            &["--issuer", "0a", "--serial", "0x0b"],
            "--serial: it is not up to 20",
        ),
        (&["--issuer", "0a"], "--serial"),
        (&["--serial", "0a"], "--issuer"),
        (&["--serial", "0a", "--issuer", "0ab"], "is it cut short?"),
        (&["--serial", "0a", "--issuer", "CN=CA"], "CN=CA: "),
        (&["--serial", "0a", "--issuer", &text], &text),
        (&["--cert", &text], &text),
        (&["--cert", "missing.pem"], "missing.pem: "),
        (&["--cert", &without_key_id], "give the CA with --issuer"),
        (
            &["--cert", &client, "--issuer", &other],
            "it was issued by the CA",
        ),
        (&["--cert", &client, "--key", "ab"], "cannot be used with"),
        (&[], "required"),
    ] {
        let run = block(overrides, target);
        assert_eq!(run.status, 2, "{target:?}");
        assert!(run.stderr.contains(expected), "{target:?}: {}", run.stderr);
    }
    let with = |until: &str, note: &str| {
        let required = ["block", "--overrides", overrides, "--cert", &client];
        crlctl(&[&required[..], &["--until", until, "--note", note]].concat())
    };
    for (until, note, expected) in [
        ("2026-01-01T00:00:00Z", "n", "is not in the future"),
        ("0d", "n", "is not in the future"),
        ("1795300000000", "n", "milliseconds?"),
        ("4000000d", "n", "after the year 9999"),
        ("tomorrow", "n", "30d"),
        ("é", "n", "30d"),
        ("1d", "", "one line"),
        ("1d", "a\nb", "one line"),
    ] {
        let run = with(until, note);
        assert_eq!(run.status, 2, "{until} {note}");
        assert!(run.stderr.contains(expected), "{until}: {}", run.stderr);
    }
    assert!(!std::fs::exists(overrides).unwrap());
    assert_eq!(with("45m", "n").status, 0);

    for octets in ["", "{}", r#"{"version": 1, "blocks": [{}]}"#] {
        std::fs::write(overrides, octets).unwrap();
        for run in [
            block(overrides, &["--cert", &client]),
            unblock(overrides, &["--cert", &client]),
            crlctl(&["blocks", "--overrides", overrides]),
        ] {
            assert_eq!(run.status, 2);
            let named = format!("crlctl: {overrides}: ");
            assert!(run.stderr.starts_with(&named), "{}", run.stderr);
            assert!(run.stderr.contains("restore its earlier version"));
        }
        assert_eq!(std::fs::read_to_string(overrides).unwrap(), octets);
    }
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let Scene { overrides, .. } = &Scene::new("too-large");
    let until = "2096-02-01T00:00:00Z";
    let entry = json!({"issuer": "0a", "serial": "0b", "since": "2026-01-01T00:00:00Z",
        "until": until, "note": "é".repeat(500)});
    // As many as there is room for without the spaces that crlctl writes.
    let count = ((1 << 20) - 40) / (entry.to_string().len() + 1);
    let entries = vec![entry; count];
    let octets = json!({"version": 1, "blocks": entries}).to_string();
    assert!(octets.len() <= 1 << 20);
    std::fs::write(overrides, &octets).unwrap();
    let run = block(overrides, &["--key", &"ab".repeat(32)]);
    assert_eq!(run.status, 2, "{}", run.stdout);
    assert!(run.stderr.contains("unblock what is revoked by now"));
    assert_eq!(std::fs::read_to_string(overrides).unwrap(), octets);
}

#[test]
fn a_file_is_taken_for_the_ca_and_long_ended_blocks_go() {
    let Scene {
        folder,
        ca,
        overrides,
    } = &Scene::new("file-first");
    let old = json!({"issuer": "0a", "serial": "0b", "since": "2024-01-01T00:00:00Z",
        "until": "2024-02-01T00:00:00Z", "note": "long ago"});
    let octets = json!({"version": 1, "blocks": [old]}).to_string();
    std::fs::write(overrides, octets).unwrap();
    let file = folder.write("dec0de", ca.certificate_pem());
    let run = block(overrides, &["--issuer", &file, "--serial", "01"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stdout.contains("  note: INC-7\n"), "{}", run.stdout);
    let blocks = read(overrides);
    assert_eq!(blocks.len(), 1);
    let issuer = ca.key_id().to_vec();
    let serial = SerialNumber::from_magnitude(&[1]).unwrap();
    assert_eq!(blocks[0].target, Target::Certificate { issuer, serial });
}

/// Two operators at once lose nothing.
#[tokio::test(flavor = "multi_thread")]
async fn in_s3_every_block_is_kept() {
    let s3 = S3Server::start().await;
    s3.create_bucket("snapshots");
    let (key, overrides) = (
        "overrides/overrides.json",
        "s3://snapshots/overrides/overrides.json",
    );
    let environment = s3.environment();
    let list = || crlctl_with(&environment, &["blocks", "--overrides", overrides]);
    assert_eq!(list().stdout, format!("{overrides}: nothing is blocked\n"));
    std::thread::scope(|scope| {
        let operators = ["0a", "0b", "0c", "0d"].map(|serial| {
            let environment = &environment;
            scope.spawn(move || {
                let target = ["--issuer", "01", "--serial", serial];
                let required = ["block", "--overrides", overrides];
                let how = ["--until", "30d", "--note", "at once"];
                crlctl_with(environment, &[&required[..], &target, &how].concat())
            })
        });
        for operator in operators {
            let run = operator.join().unwrap();
            assert_eq!(run.status, 0, "{}", run.stderr);
        }
    });
    let stored = Overrides::read(&s3.get("snapshots", key).unwrap()).unwrap();
    let mut serials: Vec<_> = stored.blocks.iter().map(|b| b.target.to_string()).collect();
    serials.sort();
    let expected = ["0a", "0b", "0c", "0d"].map(|s| format!("serial number {s} of CA 01"));
    assert_eq!(serials, expected);
    // Each change is a version, and a failed unblock is none.
    assert_eq!(s3.versions("snapshots", key).len(), 4);
    let target = ["--issuer", "01", "--serial", "0e"];
    let arguments = [&["unblock", "--overrides", overrides][..], &target].concat();
    assert_eq!(crlctl_with(&environment, &arguments).status, 1);
    assert_eq!(s3.versions("snapshots", key).len(), 4);

    s3.put("snapshots", key, "{}");
    let how = ["--until", "1d", "--note", "n"];
    let block = [&["block", "--overrides", overrides][..], &target, &how].concat();
    for run in [
        list(),
        crlctl_with(&environment, &arguments),
        crlctl_with(&environment, &block),
    ] {
        assert_eq!(run.status, 2);
        let named = format!("crlctl: {overrides}: ");
        assert!(run.stderr.starts_with(&named), "{}", run.stderr);
    }
    assert_eq!(s3.get("snapshots", key).unwrap(), b"{}");
    let missing = crlctl_with(
        &environment,
        &["blocks", "--overrides", "s3://nowhere/o.json"],
    );
    assert_eq!(missing.status, 2);
    assert!(missing.stderr.contains("s3://nowhere/o.json"));
    let version = format!("{overrides}?versionId=1");
    let run = crlctl_with(&environment, &["blocks", "--overrides", &version]);
    assert_eq!(run.status, 2, "{}", run.stderr);
}
