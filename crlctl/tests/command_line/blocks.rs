//! `crlctl block`, `unblock` and `blocks`: what they write is what crl-fetcher reads.

use std::sync::{Arc, Barrier};
use std::thread;

use authorizer::client_cert::ClientCert;
use crl_fetcher::overrides::{Block, Overrides, Target};
use revocation::{BlockedKey, SerialNumber};
use serde_json::{Value, json};
use testkit::pki::{Ca, CaOptions, KeyIdentifier, Leaf, LeafOptions};
use testkit::s3::{Fault, Operation, S3Server};

use crate::snapshots::{hexadecimal, publish, snapshot_with};
use crate::{AT, Folder, Run, crlctl, crlctl_with};

const BUCKET: &str = "bucket";
const KEY: &str = "overrides/overrides.json";
const OBJECT: &str = "s3://bucket/overrides/overrides.json";

/// A CA, two clients of it, and a place for overrides.
struct Setting {
    folder: Folder,
    ca: Ca,
    ca_file: String,
    client: Leaf,
    cert: String,
    other_cert: String,
    overrides: String,
}

impl Setting {
    fn new(test: &str) -> Self {
        let folder = Folder::new(test);
        let ca = Ca::root("CA");
        let client = ca.issue_with("client", LeafOptions::current());
        let other = ca.issue_with("other", LeafOptions::current());
        Self {
            ca_file: folder.write("ca.pem", ca.certificate_pem()),
            cert: folder.write("client.pem", client.certificate_pem()),
            other_cert: folder.write("other.der", other.certificate_der()),
            overrides: folder.0.join("overrides.json").display().to_string(),
            folder,
            ca,
            client,
        }
    }

    fn block(&self, more: &[&str]) -> Run {
        let arguments = ["block", "--overrides", &self.overrides];
        let usual = ["--until", "30d", "--note", "INC-7: stolen"];
        crlctl(&[&arguments[..], more, &usual].concat())
    }

    fn unblock(&self, more: &[&str]) -> Run {
        crlctl(&[&["unblock", "--overrides", &self.overrides], more].concat())
    }

    fn blocks(&self, more: &[&str]) -> Run {
        crlctl(&[&["blocks", "--overrides", &self.overrides], more].concat())
    }

    /// By the fetcher's own reader.
    fn written(&self) -> Vec<Block> {
        let octets = std::fs::read(&self.overrides).unwrap();
        Overrides::read(&octets).unwrap().blocks
    }

    fn of_client(&self) -> Target {
        Target::Certificate {
            issuer: self.ca.key_id().to_vec(),
            serial: serial(&self.client),
        }
    }
}

fn serial(leaf: &Leaf) -> SerialNumber {
    SerialNumber::from_der_integer(&leaf.serial()).unwrap()
}

fn key_hash(leaf: &Leaf) -> [u8; 32] {
    let client = ClientCert::from_der(leaf.certificate_der()).unwrap();
    BlockedKey::hash(client.as_certificate().public_key)
}

fn with_colons(digits: &str) -> String {
    let digits = digits.to_uppercase();
    let pairs: Vec<_> = (0..digits.len()).step_by(2).collect();
    let pairs: Vec<_> = pairs.iter().map(|at| &digits[*at..at + 2]).collect();
    pairs.join(":")
}

#[test]
fn a_target_is_named_in_many_ways() {
    let setting = Setting::new("naming");
    let key_id = hexadecimal(setting.ca.key_id());
    let digits = serial(&setting.client).to_string();
    let by_openssl = format!("serial={}", digits.to_uppercase());
    let ca_der = setting.folder.write("ca.der", setting.ca.certificate_der());
    let key = hexadecimal(&key_hash(&setting.client));
    let (of_client, of_key) = (setting.of_client(), Target::Key(key_hash(&setting.client)));
    for (arguments, target) in [
        (&["--cert", &setting.cert][..], &of_client),
        (&["--cert", &setting.cert, "--issuer", &key_id], &of_client),
        (&["--issuer", &key_id, "--serial", &digits], &of_client),
        (
            &[
                "--issuer",
                &with_colons(&key_id),
                "--serial",
                &with_colons(&digits),
            ],
            &of_client,
        ),
        (
            &["--issuer", &setting.ca_file, "--serial", &by_openssl],
            &of_client,
        ),
        (&["--issuer", &ca_der, "--serial", &digits], &of_client),
        (&["--key-of", &setting.cert], &of_key),
        (&["--key", &key], &of_key),
        (&["--key", &with_colons(&key)], &of_key),
    ] {
        let run = setting.block(arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
        let written = setting.written();
        let targets: Vec<_> = written.iter().map(|block| &block.target).collect();
        assert_eq!(targets, [target], "{arguments:?}");
        assert_eq!(setting.unblock(arguments).status, 0, "{arguments:?}");
        assert_eq!(setting.written(), []);
    }
}

#[test]
fn a_block_is_written_listed_and_taken_back() {
    let setting = Setting::new("round-trip");
    let run = setting.blocks(&[]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let none = "  in all       no blocks: there is no such object\n";
    assert!(run.stdout.ends_with(none), "{}", run.stdout);
    assert_eq!(
        setting.blocks(&["--format", "json"]).json()["exists"],
        false
    );

    let run = setting.block(&["--cert", &setting.cert]);
    let digits = serial(&setting.client).to_string();
    let key_id = hexadecimal(setting.ca.key_id());
    let head = format!(
        "blocked        serial number {digits} of CA {key_id}\n  subject      C=US, O=Example, CN=client\n  \
         issuer       C=US, O=Example, CN=CA\n  valid        "
    );
    assert!(run.stdout.starts_with(&head), "{}", run.stdout);
    let tail = format!(
        ", in 30 d\n  note         INC-7: stolen\n  in           {}, which has 1 block\nwhat happens next\n  \
         Nothing changes before this file is",
        setting.overrides
    );
    assert!(run.stdout.contains(&tail), "{}", run.stdout);
    let longer = "The certificate is valid for longer than it is blocked";
    assert!(run.stdout.contains(longer), "{}", run.stdout);
    let written = setting.written();
    assert_eq!(written[0].until.since(written[0].since), 30 * 86_400);
    assert_eq!(written[0].note, "INC-7: stolen");

    let other = setting.block(&["--key-of", &setting.other_cert, "--format", "json"]);
    assert_eq!(other.json()["blocks"], 2);
    assert_eq!(other.json()["block"]["remainingSeconds"], 30 * 86_400);
    let at = written[0].since.plus(86_400).to_string();
    let listed = setting.blocks(&["--format", "json", "--at", &at]).json();
    let until = written[0].until.to_string();
    let first = json!({
        "issuer": key_id, "serial": digits, "since": written[0].since.to_string(), "until": until,
        "ended": false, "remainingSeconds": 29 * 86_400, "note": "INC-7: stolen",
    });
    assert_eq!(listed["blocks"][0], first);
    assert_eq!(listed["blocks"][1]["issuer"], Value::Null);
    assert_eq!(
        [&listed["exists"], &listed["at"]],
        [&json!(true), &json!(at)]
    );
    let text = setting.blocks(&["--at", &at]).stdout;
    let block = format!("block          serial number {digits} of CA {key_id}\n");
    assert!(text.contains("2 blocks, 0 ended\n"), "{text}");
    assert!(text.contains(&block), "{text}");
    assert!(
        text.contains(&format!("  until        {until}, in 29 d\n")),
        "{text}"
    );

    let run = setting.unblock(&["--cert", &setting.cert]);
    let head = format!("unblocked      serial number {digits} of CA {key_id}\n");
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with(&head), "{}", run.stdout);
    assert!(run.stdout.contains("which has 1 block\n"), "{}", run.stdout);
    // Once more there is none, and the other one stays.
    let octets = std::fs::read(&setting.overrides).unwrap();
    let run = setting.unblock(&["--cert", &setting.cert]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stdout.starts_with("not blocked    "), "{}", run.stdout);
    assert_eq!(std::fs::read(&setting.overrides).unwrap(), octets);
    let report = setting.unblock(&["--cert", &setting.cert, "--format", "json"]);
    assert_eq!(report.json()["removed"], json!([]));
    assert_eq!(setting.written().len(), 1);
    // Nothing but the overrides is left in the folder.
    let hidden = std::fs::read_dir(&setting.folder.0).unwrap();
    let hidden = hidden.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert_eq!(hidden.count(), 0);
}

#[test]
fn a_second_block_takes_the_place_of_the_first() {
    let setting = Setting::new("replaced");
    let cert = ["--cert", &setting.cert];
    assert_eq!(setting.block(&cert).status, 0);
    let shorter = ["--until", "12h", "--note", "only for today"];
    let arguments = ["block", "--overrides", &setting.overrides];
    let run = crlctl(&[&arguments[..], &cert, &shorter].concat());
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stdout.contains("\n  in place of  "), "{}", run.stdout);
    assert!(run.stdout.contains(": INC-7: stolen\n"), "{}", run.stdout);
    let written = setting.written();
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].until.since(written[0].since), 12 * 3600);
    assert_eq!(written[0].note, "only for today");
}

#[test]
fn what_blocks_the_same_certificate_besides_is_told() {
    let setting = Setting::new("besides");
    for named in ["--cert", "--key-of"] {
        assert_eq!(setting.block(&[named, &setting.cert]).status, 0);
    }
    let still = "The certificate is still blocked by public key ";
    let run = setting.unblock(&["--cert", &setting.cert]);
    assert!(run.stdout.contains(still), "{}", run.stdout);
    let run = setting.unblock(&["--key-of", &setting.cert]);
    assert!(!run.stdout.contains("still blocked"), "{}", run.stdout);
}

#[test]
fn those_that_have_ended_are_taken_out() {
    let setting = Setting::new("ended");
    let block = |key: &str, until: &str| json!({"key": key.repeat(32), "since": "2026-01-01T00:00:00Z", "until": until, "note": "n"});
    let blocks = [
        block("aa", "2026-02-01T00:00:00Z"),
        block("bb", "9999-12-31T23:59:59Z"),
        block("cc", "2026-03-01T00:00:00Z"),
    ];
    let file = json!({"version": 1, "blocks": blocks});
    setting.folder.write("overrides.json", file.to_string());
    let text = setting.blocks(&["--at", "2026-02-02T00:00:00Z"]).stdout;
    assert!(text.contains("3 blocks, 1 ended\n"), "{text}");
    assert!(
        text.contains("2026-02-01T00:00:00Z, ended 1 d ago\n"),
        "{text}"
    );
    // Others leave them where they are.
    assert_eq!(setting.block(&["--cert", &setting.cert]).status, 0);
    assert_eq!(setting.written().len(), 4);
    let run = setting.unblock(&["--ended"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(
        run.stdout
            .starts_with("unblocked      2 blocks that had ended\n")
    );
    let left: Vec<_> = setting
        .written()
        .into_iter()
        .map(|block| block.target)
        .collect();
    assert_eq!(left, [Target::Key([0xbb; 32]), setting.of_client()]);
    assert_eq!(setting.unblock(&["--ended"]).status, 0);
}

#[test]
fn a_certificate_without_an_authority_key_identifier_needs_its_ca() {
    let setting = Setting::new("no-aki");
    let anonymous = setting.ca.issue_with(
        "anonymous",
        LeafOptions {
            authority_key_identifier: KeyIdentifier::Absent,
            ..LeafOptions::current()
        },
    );
    let cert = setting
        .folder
        .write("anonymous.pem", anonymous.certificate_pem());
    let stranger = Ca::root("Other CA");
    let stranger = setting
        .folder
        .write("stranger.pem", stranger.certificate_pem());
    let run = setting.block(&["--cert", &cert]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    let needed = "no authority key identifier; name its CA by --issuer too";
    assert!(run.stderr.contains(needed), "{}", run.stderr);
    let run = setting.block(&["--cert", &cert, "--issuer", &stranger]);
    let issued = "it was issued by C=US, O=Example, CN=CA, and --issuer is the certificate of C=US, \
                  O=Example, CN=Other CA";
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains(issued), "{}", run.stderr);
    let run = setting.block(&["--cert", &cert, "--issuer", &setting.ca_file]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let expected = Target::Certificate {
        issuer: setting.ca.key_id().to_vec(),
        serial: serial(&anonymous),
    };
    assert_eq!(setting.written()[0].target, expected);
}

/// A CA whose certificate states no key identifier is known by one that is derived from its key, which its
/// clients' certificates need not have.
#[test]
fn the_truststore_tells_whether_a_block_has_an_effect() {
    let setting = Setting::new("effect");
    let truststore = setting.ca_file.as_str();
    let run = setting.block(&["--cert", &setting.cert, "--truststore", truststore]);
    assert_eq!(run.status, 0, "{}", run.stderr);

    let unstated = Ca::self_signed(
        "CA",
        CaOptions {
            subject_key_identifier: KeyIdentifier::Absent,
            ..CaOptions::default()
        },
    );
    let by_another = LeafOptions {
        authority_key_identifier: KeyIdentifier::Octets(vec![7; 20]),
        ..LeafOptions::current()
    };
    let client = unstated.issue_with("client", by_another);
    let cert = setting
        .folder
        .write("by-another.pem", client.certificate_pem());
    let truststore = setting
        .folder
        .write("unstated.pem", unstated.certificate_pem());
    let arguments = ["--cert", &cert, "--truststore", &truststore];
    let run = setting.block(&arguments);
    assert_eq!(run.status, 1, "{}", run.stderr);
    let key_id = hexadecimal(unstated.key_id());
    let warning = format!(
        "  NO EFFECT    {truststore} has no CA with key {}, but C=US, O=Example, CN=CA with key {key_id}; \
         name the CA by --issuer FILE with its certificate\n",
        "07".repeat(20)
    );
    assert!(run.stdout.contains(&warning), "{}", run.stdout);
    assert!(!run.stdout.contains("let in again"), "{}", run.stdout);
    // It is written all the same, and the advice is good.
    assert_eq!(setting.written().len(), 2);
    let run = setting.block(&[&arguments[..], &["--issuer", &truststore]].concat());
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    let target = Target::Certificate {
        issuer: unstated.key_id().to_vec(),
        serial: serial(&client),
    };
    assert_eq!(setting.written()[2].target, target);
    let run = setting.block(&[
        "--issuer",
        &"07".repeat(20),
        "--serial",
        "01",
        "--truststore",
        &truststore,
        "--format",
        "json",
    ]);
    assert_eq!(run.status, 1);
    assert!(run.json()["withoutCa"].is_string(), "{}", run.stdout);
}

#[test]
fn a_cas_certificate_is_told_as_one() {
    let setting = Setting::new("of-a-ca");
    let run = setting.block(&["--key-of", &setting.ca_file]);
    let warning =
        "The certificate is a CA's: if the truststore has it, all that this CA issued is denied.";
    assert!(run.stdout.contains(warning), "{}", run.stdout);
}

/// The whole way: what is written here is what the fetcher takes into a snapshot by which the authorizer
/// denies.
#[test]
fn what_is_blocked_is_denied() {
    let setting = Setting::new("denied");
    let [client, other] = ["client", "other"].map(|name| {
        let certificate = setting.ca.issue(name).certificate_pem();
        setting.folder.write(&format!("{name}-at.pem"), certificate)
    });
    let run = |command: &str, target: &[&str]| {
        let usual = ["--until", "2100-01-01T00:00:00Z", "--note", "n"];
        let usual = match command {
            "block" => &usual[..],
            _ => &[],
        };
        let arguments = [command, "--overrides", &setting.overrides];
        let run = crlctl(&[&arguments[..], target, usual].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
    };
    let reasons = || {
        let overrides = Overrides {
            blocks: setting.written(),
        };
        let crls = [publish(&setting.ca, &setting.ca.crl())];
        let octets = snapshot_with(&[&setting.ca], &crls, &overrides);
        let snapshot = setting.folder.write("snapshot", octets);
        [&client, &other].map(|cert| {
            let arguments = ["explain", "--snapshot", &snapshot, "--cert", cert];
            let run = crlctl(&[&arguments[..], &["--at", AT, "--format", "json"]].concat());
            run.json()["reason"].as_str().unwrap().to_owned()
        })
    };
    run("block", &["--cert", &client]);
    assert_eq!(reasons(), ["blocked", "not-revoked"]);
    run("block", &["--key-of", &other]);
    assert_eq!(reasons(), ["blocked", "key-blocked"]);
    run("unblock", &["--cert", &client]);
    assert_eq!(reasons(), ["not-revoked", "key-blocked"]);
    run("unblock", &["--key-of", &other]);
    assert_eq!(reasons(), ["not-revoked", "not-revoked"]);
}

#[test]
fn what_cannot_be_used_is_named_and_nothing_is_written() {
    let setting = Setting::new("unusable-blocks");
    let text = setting.folder.write("notes.txt", "hello");
    let bundle = setting.ca.certificate_pem() + &Ca::root("Other CA").certificate_pem();
    let bundle = setting.folder.write("bundle.pem", bundle);
    let cut = &setting.client.certificate_der()[..100];
    let cut = setting.folder.write("cut.der", cut);
    let (cert, ca) = (setting.cert.as_str(), setting.ca_file.as_str());
    let key = "ab".repeat(32);
    let note = "x".repeat(501);
    let cases: [(&[&str], &str); 28] = [
        (
            &[],
            "<--cert <FILE>|--serial <HEX>|--key-of <FILE>|--key <HEX>>",
        ),
        (&["--cert", cert, "--key", &key], "cannot be used with"),
        (&["--serial", "01"], "--issuer"),
        (&["--issuer", ca], "--serial"),
        (&["--key", &key, "--issuer", ca], "cannot be used with"),
        (&["--key", &key, "--truststore", ca], "cannot be used with"),
        (&["--cert", "missing.pem"], "missing.pem: No such file"),
        (
            &["--cert", &text],
            "notes.txt: it is neither a DER nor a PEM certificate",
        ),
        (&["--cert", &cut], "cut.der: the certificate cannot be read"),
        (&["--key-of", &text], "notes.txt: it is neither"),
        (
            &["--cert", cert, "--issuer", "0a0b"],
            "its authority key identifier is ",
        ),
        (
            &["--serial", "01", "--issuer", "missing"],
            "--issuer missing: it is neither a file nor",
        ),
        (
            &["--serial", "01", "--issuer", "0a0"],
            "two hexadecimal digits",
        ),
        (
            &["--serial", "01", "--issuer", "0a:b"],
            "two hexadecimal digits",
        ),
        (
            &["--serial", "01", "--issuer", &"0a".repeat(256)],
            "longer than any",
        ),
        (&["--serial", "01", "--issuer", &text], "notes.txt: "),
        (
            &["--serial", "01", "--issuer", cert],
            "client.pem: it is not the certificate of a CA",
        ),
        (
            &["--serial", "01", "--issuer", &bundle],
            "there are several CAs in it",
        ),
        (
            &["--serial", "1234567890g", "--issuer", ca],
            "20 octets in hexadecimal",
        ),
        (
            &["--serial", &"ff".repeat(21), "--issuer", ca],
            "20 octets in hexadecimal",
        ),
        (&["--key", &key[1..]], "64 hexadecimal digits"),
        (
            &["--cert", cert, "--truststore", "missing.pem"],
            "missing.pem: No such file",
        ),
        (&["--cert", cert, "--truststore", &text], "notes.txt: "),
        (&["--cert", cert, "--format", "yaml"], "possible values"),
        (&["--ended"], "unexpected argument"),
        (
            &["--cert", cert, "--at", "2100-01-01T00:00:00Z"],
            "unexpected argument",
        ),
        (
            &["--cert", cert, "--issuer", &bundle],
            "there are several CAs in it",
        ),
        (&["--serial", "", "--issuer", ca], "--serial"),
    ];
    let refused = |run: Run, named: &str| {
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{named}");
        assert!(run.stderr.contains(named), "{named}: {}", run.stderr);
        assert!(
            !std::path::Path::new(&setting.overrides).exists(),
            "{named}"
        );
    };
    for (arguments, named) in cases {
        refused(setting.block(arguments), named);
    }
    for (until, note, named) in [
        (
            "yesterday",
            "n",
            "neither a duration (90min, 12h, 30d, 2w) nor",
        ),
        ("30m", "n", "neither a duration"),
        ("30", "n", "it is not in the future: 1970-01-01T00:00:30Z"),
        ("2026-01-01T00:00:00Z", "n", "it is not in the future"),
        ("9999999d", "n", "the last moment is 9999-12-31T23:59:59Z"),
        ("30d", "", "it is not one line of 1 to 500 characters"),
        ("30d", "two\nlines", "it is not one line"),
        ("30d", &note, "it is not one line"),
    ] {
        let arguments = ["block", "--overrides", &setting.overrides, "--cert", cert];
        let run = crlctl(&[&arguments[..], &["--until", until, "--note", note]].concat());
        refused(run, named);
    }
    for missing in ["--until", "--note", "--overrides"] {
        let all = [
            ["--overrides", &setting.overrides],
            ["--cert", cert],
            ["--until", "30d"],
            ["--note", "n"],
        ];
        let others = all.iter().filter(|[name, _]| *name != missing);
        let others: Vec<_> = others.flatten().copied().collect();
        refused(crlctl(&[&["block"], &others[..]].concat()), missing);
    }
    let version = format!("{OBJECT}?versionId=1");
    for (place, named) in [
        (version.as_str(), "an earlier version cannot be written"),
        ("s3://bucket", "s3://BUCKET/KEY"),
        (
            "missing/overrides.json",
            "missing/overrides.json: No such file",
        ),
        ("/", "/: Is a directory"),
    ] {
        let arguments = ["block", "--overrides", place, "--cert", cert];
        let run = crlctl(&[&arguments[..], &["--until", "30d", "--note", "n"]].concat());
        refused(run, named);
    }
}

#[test]
fn overrides_that_cannot_be_read_are_left_as_they_are() {
    let setting = Setting::new("malformed-blocks");
    let large = vec![b' '; (1 << 20) + 1];
    for (octets, named) in [
        (&b"{\"version\": 1, \"blocks\": ["[..], "these are not overrides"),
        (b"", "these are not overrides"),
        (
            b"{\"version\": 1, \"blocks\": [{\"key\": \"ab\", \"since\": \"2026-01-01T00:00:00Z\", \
              \"until\": \"2026-01-01T00:00:00Z\", \"note\": \"n\"}]}",
            "block 1 is refused: its key is not",
        ),
        (
            b"{\"version\": 2, \"blocks\": []}",
            "use the crlctl of the release that wrote them",
        ),
        (&large, "1048576 octets that crl-fetcher reads"),
    ] {
        setting.folder.write("overrides.json", octets);
        for run in [
            setting.block(&["--cert", &setting.cert]),
            setting.unblock(&["--cert", &setting.cert]),
            setting.unblock(&["--ended"]),
            setting.blocks(&[]),
        ] {
            assert_eq!((run.status, run.stdout.as_str()), (2, ""));
            let message = run.stderr.strip_prefix(&format!("crlctl: {}: ", setting.overrides));
            assert!(
                message.is_some_and(|text| text.contains(named)),
                "{named}: {}",
                run.stderr
            );
            assert_eq!(std::fs::read(&setting.overrides).unwrap(), octets);
        }
    }
}

/// The server needs threads of its own while the tests wait for crlctl.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_kept_in_s3() {
    let setting = Setting::new("blocks-in-s3");
    let s3 = S3Server::start().await;
    s3.create_bucket(BUCKET);
    s3.put(BUCKET, "truststore.pem", setting.ca.certificate_pem());
    let run = |command: &str, more: &[&str]| {
        let arguments = [command, "--overrides", OBJECT];
        crlctl_with(&s3.environment(), &[&arguments[..], more].concat())
    };
    let usual = ["--until", "30d", "--note", "n"];
    let block = |more: &[&str]| run("block", &[more, &usual].concat());
    assert_eq!(run("blocks", &["--format", "json"]).json()["exists"], false);
    assert_eq!(run("unblock", &["--cert", &setting.cert]).status, 1);
    assert_eq!(s3.get(BUCKET, KEY), None);

    let truststore = "s3://bucket/truststore.pem";
    let blocked = block(&["--cert", &setting.cert, "--truststore", truststore]);
    assert_eq!(blocked.status, 0, "{}", blocked.stderr);
    let next = "The write starts crl-fetcher, whose OVERRIDES_BUCKET";
    assert!(blocked.stdout.contains(next), "{}", blocked.stdout);
    let denied = "from then on the client is denied as blocked.";
    assert!(blocked.stdout.contains(denied), "{}", blocked.stdout);
    let stored = Overrides::read(&s3.get(BUCKET, KEY).unwrap()).unwrap();
    assert_eq!(stored.blocks[0].target, setting.of_client());
    let listed = run("blocks", &["--format", "json"]).json();
    assert_eq!(listed["object"], OBJECT);
    assert_eq!(listed["blocks"].as_array().unwrap().len(), 1);
    assert_eq!(run("unblock", &["--cert", &setting.cert]).status, 0);
    // The object stays, or the fetcher would take it for lost.
    let stored = Overrides::read(&s3.get(BUCKET, KEY).unwrap()).unwrap();
    assert_eq!(stored, Overrides::default());

    // What fails is named, and nothing is lost.
    let before = s3.get(BUCKET, KEY);
    for (operation, named) in [
        (
            Operation::GetObject,
            "cannot read s3://bucket/overrides/overrides.json: access denied",
        ),
        (
            Operation::PutObject,
            "cannot write s3://bucket/overrides/overrides.json: access denied",
        ),
    ] {
        s3.fail_next(operation, KEY, Fault::Status(403, "AccessDenied"), 1);
        let failed = block(&["--cert", &setting.cert]);
        assert_eq!((failed.status, failed.stdout.as_str()), (2, ""), "{named}");
        assert!(failed.stderr.contains(named), "{named}: {}", failed.stderr);
        assert_eq!(s3.get(BUCKET, KEY), before);
    }
    let elsewhere = ["--truststore", "s3://bucket/missing.pem"];
    let failed = block(&[&["--cert", &setting.cert], &elsewhere[..]].concat());
    assert_eq!(failed.status, 2);
    assert!(
        failed.stderr.contains("the truststore is where"),
        "{}",
        failed.stderr
    );

    s3.put(BUCKET, KEY, "{");
    for failed in [
        block(&["--cert", &setting.cert]),
        run("unblock", &["--ended"]),
    ] {
        assert_eq!(failed.status, 2);
        let named = "overrides.json: these are not overrides";
        assert!(failed.stderr.contains(named), "{}", failed.stderr);
        assert!(
            failed.stderr.contains("restore its earlier version"),
            "{}",
            failed.stderr
        );
    }
    assert_eq!(s3.get(BUCKET, KEY).as_deref(), Some(&b"{"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_tried_again_and_no_longer_than_it_helps() {
    let setting = Setting::new("conflicts");
    let s3 = S3Server::start().await;
    s3.create_bucket(BUCKET);
    let run = |command: &str, more: &[&str]| {
        let arguments = [command, "--overrides", OBJECT, "--cert", &setting.cert];
        crlctl_with(&s3.environment(), &[&arguments[..], more].concat())
    };
    let usual = ["--until", "30d", "--note", "n"];
    for status in [409, 412] {
        let conflict = Fault::Status(status, "ConditionalRequestConflict");
        s3.fail_next(Operation::PutObject, KEY, conflict, 3);
        let found = run("block", &usual);
        assert_eq!(found.status, 0, "{}", found.stderr);
        assert_eq!(s3.clear_faults(), 0);
        s3.fail_next(Operation::PutObject, KEY, conflict, 3);
        let found = run("unblock", &[]);
        assert_eq!(found.status, 0, "{}{}", found.stdout, found.stderr);
        assert_eq!(s3.clear_faults(), 0);
    }
    let conflict = Fault::Status(412, "PreconditionFailed");
    s3.fail_next(Operation::PutObject, KEY, conflict, 1000);
    let found = run("block", &usual);
    assert_eq!((found.status, found.stdout.as_str()), (2, ""));
    let named = "crlctl: s3://bucket/overrides/overrides.json: others kept writing it";
    assert!(found.stderr.starts_with(named), "{}", found.stderr);
    s3.clear_faults();
    let stored = Overrides::read(&s3.get(BUCKET, KEY).unwrap()).unwrap();
    assert_eq!(stored, Overrides::default());
}

/// The write is carried out, and tried again by the SDK because nobody heard of it: what meets it then is
/// not another operator's.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_is_lost_is_told_as_done() {
    let setting = Setting::new("lost-answers");
    let s3 = S3Server::start().await;
    s3.create_bucket(BUCKET);
    let run = |command: &str, more: &[&str]| {
        s3.fail_next(Operation::PutObject, KEY, Fault::LoseResponse, 1);
        let arguments = [command, "--overrides", OBJECT, "--cert", &setting.cert];
        let run = crlctl_with(&s3.environment(), &[&arguments[..], more].concat());
        assert_eq!(s3.clear_faults(), 0);
        assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
        run.stdout
    };
    let stored = || Overrides::read(&s3.get(BUCKET, KEY).unwrap()).unwrap();
    let first = run("block", &["--until", "30d", "--note", "first"]);
    assert!(!first.contains("in place of"), "{first}");
    let second = run("block", &["--until", "12h", "--note", "second"]);
    assert!(second.contains("\n  in place of  "), "{second}");
    assert!(second.contains(": first\n"), "{second}");
    assert_eq!(stored().blocks.len(), 1);
    let taken_back = run("unblock", &[]);
    assert!(taken_back.starts_with("unblocked      "), "{taken_back}");
    assert_eq!(stored(), Overrides::default());
}

/// Operators in the same minute: each of them has what he said.
#[tokio::test(flavor = "multi_thread")]
async fn operators_at_the_same_time_lose_nothing() {
    let s3 = S3Server::start().await;
    s3.create_bucket(BUCKET);
    let together = |changes: &[(&'static str, u8)]| {
        let start = Arc::new(Barrier::new(changes.len()));
        let operators: Vec<_> = changes
            .iter()
            .map(|&(command, octet)| {
                let (start, environment) = (Arc::clone(&start), s3.environment());
                thread::spawn(move || {
                    let key = format!("{octet:02x}").repeat(32);
                    let mut arguments = vec![command, "--overrides", OBJECT, "--key", &key];
                    if command == "block" {
                        arguments.extend(["--until", "30d", "--note", "n"]);
                    }
                    start.wait();
                    crlctl_with(&environment, &arguments)
                })
            })
            .collect();
        for operator in operators {
            let run = operator.join().unwrap();
            assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
        }
        let stored = Overrides::read(&s3.get(BUCKET, KEY).unwrap()).unwrap();
        let targets = stored.blocks.iter().map(|block| match &block.target {
            Target::Key(key) => key[0],
            Target::Certificate { .. } => panic!("{stored:?}"),
        });
        let mut octets: Vec<_> = targets.collect();
        octets.sort_unstable();
        octets
    };
    // None is there yet, and all of them want to write the first.
    assert_eq!(
        together(&[0, 1, 2, 3, 4, 5, 6, 7].map(|octet| ("block", octet))),
        [0, 1, 2, 3, 4, 5, 6, 7]
    );
    // Some block others while some take theirs back.
    let changes = [0, 1, 2, 3].map(|octet| [("unblock", octet), ("block", 8 + octet)]);
    assert_eq!(together(&changes.concat()), [4, 5, 6, 7, 8, 9, 10, 11]);
    // Nothing is ever written over what was not read.
    let puts = s3.requests().into_iter();
    let mut puts = puts.filter(|request| request.operation == Operation::PutObject);
    assert!(puts.all(|put| put.if_match.is_some() || put.if_none_match.is_some()));
}
