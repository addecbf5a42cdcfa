//! `crlctl snapshot`, and where snapshots come from.

use crl_fetcher::crl::CertificateList;
use crl_fetcher::ledger::Ledger;
use crl_fetcher::overrides::Overrides;
use crl_fetcher::truststore::Truststore;
use revocation::{Notice, ObjectRef, Origin, SerialNumber, Snapshot, UnixTime, hex};
use serde_json::{Value, json};
use testkit::pki::{Ca, CrlBuilder};
use testkit::s3::{Fault, Operation, S3Server};

use crate::{AT, Folder, Run, crlctl, crlctl_with};

/// A CRL under the key that AWS Private CA gives it.
pub(crate) fn publish(ca: &Ca, crl: &CrlBuilder) -> (String, Vec<u8>) {
    (ca.crl_key(), crl.der())
}

/// The snapshot that the fetcher makes of that truststore and those CRLs, at [`AT`].
pub(crate) fn snapshot(cas: &[&Ca], crls: &[(String, Vec<u8>)]) -> Vec<u8> {
    snapshot_with(cas, crls, &Overrides::default())
}

/// The same with what the operator has blocked.
pub(crate) fn snapshot_with(
    cas: &[&Ca],
    crls: &[(String, Vec<u8>)],
    overrides: &Overrides,
) -> Vec<u8> {
    let at = UnixTime::from_civil(2026, 11, 10, (0, 0, 0)).unwrap();
    let pem: String = cas.iter().map(|ca| ca.certificate_pem()).collect();
    let truststore = Truststore::read(pem.as_bytes()).unwrap();
    let object = |key: &str, etag: &str| ObjectRef {
        key: key.to_owned(),
        etag: format!("\"of-{etag}\""),
    };
    let mut ledger = Ledger::new(&truststore, None);
    for (key, der) in crls {
        let crl = CertificateList::from_der(der).unwrap();
        let crl = crl.verify(&truststore, at).unwrap();
        ledger.adopt(crl, object(key, key)).unwrap();
    }
    assert_eq!(
        ledger.override_with(overrides),
        Vec::<&crl_fetcher::overrides::Block>::new()
    );
    let contents = ledger.into_contents(at, object("truststore.pem", "truststore"));
    contents.encode().unwrap()
}

pub(crate) fn hexadecimal(octets: &[u8]) -> String {
    hex(octets, &mut vec![0; 2 * octets.len()]).to_owned()
}

#[test]
fn show_tells_all_but_the_serial_numbers() {
    let folder = Folder::new("show");
    let root = Ca::root("Root");
    let ca = root.subordinate("CA");
    let url = ca.partition_url("1");
    let partition = ca.crl().number(7).partition(&[&url]);
    let partition = partition
        .revoke(&[1])
        .revoke(&[2, 3])
        .next_update(1_794_265_200);
    let crls = [
        publish(&root, &root.crl().number(3)),
        (ca.partition_key("1"), partition.der()),
    ];
    let octets = snapshot(&[&root, &ca], &crls);
    let file = folder.write("revocation.snapshot", &octets);
    let run = crlctl(&["snapshot", "show", &file, "--at", AT, "--format", "json"]);
    let mut report = run.json();
    let id = report["snapshot"]["id"].take();
    assert_eq!(id.as_str().map(str::len), Some(16));
    let mut digests = Vec::new();
    for issuer in report["issuers"].as_array_mut().unwrap() {
        for crl in issuer["crls"].as_array_mut().unwrap() {
            digests.push(crl["digest"].take().as_str().unwrap().to_owned());
        }
    }
    assert_eq!(
        digests.iter().map(String::len).collect::<Vec<_>>(),
        [64, 64]
    );
    let (root_key, ca_key) = (root.crl_key(), ca.partition_key("1"));
    let expected_ca = json!({
        "subject": "C=US, O=Example, CN=CA", "keyId": hexadecimal(ca.key_id()),
        "keyIdIsDerived": false, "signsCrlsOnly": false,
        "standing": "good", "goodUntil": "2026-12-01T00:00:00Z",
        "announced": [], "blocked": [],
        "crls": [{
            "scope": format!("partition {url}"), "crlNumber": 7,
            "thisUpdate": "2026-11-01T00:00:00Z", "nextUpdate": "2026-11-09T23:00:00Z",
            "remainingSeconds": -3600, "entries": 2, "digest": null,
            "source": {"key": ca_key, "etag": format!("\"of-{ca_key}\"")},
        }],
    });
    let expected_root = json!({
        "subject": "C=US, O=Example, CN=Root", "keyId": hexadecimal(root.key_id()),
        "keyIdIsDerived": false, "signsCrlsOnly": false, "standing": "good", "goodUntil": null,
        "announced": [], "blocked": [],
        "crls": [{
            "scope": "complete", "crlNumber": 3,
            "thisUpdate": "2026-11-01T00:00:00Z", "nextUpdate": "2026-12-01T00:00:00Z",
            "remainingSeconds": 21 * 86_400, "entries": 0, "digest": null,
            "source": {"key": root_key, "etag": format!("\"of-{root_key}\"")},
        }],
    });
    let builder = concat!("crl-fetcher ", env!("CARGO_PKG_VERSION"));
    let expected = json!({
        "snapshot": {
            "source": file, "id": null, "builtAt": "2026-11-10T00:00:00Z", "builder": builder,
            "truststore": {"key": "truststore.pem", "etag": "\"of-truststore\""},
            "octets": octets.len(),
        },
        "at": "2026-11-10T00:00:00Z",
        "totals": {"issuers": 2, "crls": 2, "entries": 2},
        "blockedKeys": [],
        "issuers": [expected_ca, expected_root],
    });
    assert_eq!(report, expected);
    assert_eq!(run.status, 0);

    let run = crlctl(&["snapshot", "show", &file, "--at", AT]);
    let expected = format!(
        "snapshot       {}\n  from         {file}, {} octets\n  \
         built        2026-11-10T00:00:00Z by {builder}\n  \
         truststore   truststore.pem (ETag \"of-truststore\")\n  \
         seen from    2026-11-10T00:00:00Z\n  in all       2 issuers, 2 CRLs, 2 entries\n\
         issuer         C=US, O=Example, CN=CA\n  key id       {}\n  \
         is           good: by the CRL of its own issuer, until 2026-12-01T00:00:00Z\n  CRL 7\n    \
         scope      partition {url}\n    entries    2\n    from       {ca_key} (ETag \"of-{ca_key}\")\n    \
         thisUpdate 2026-11-01T00:00:00Z\n    nextUpdate 2026-11-09T23:00:00Z, 1 h ago\n    \
         digest     {}\n",
        id.as_str().unwrap(),
        octets.len(),
        hexadecimal(ca.key_id()),
        digests[0],
    );
    assert_eq!(
        run.stdout.get(..expected.len()),
        Some(&*expected),
        "{}",
        run.stdout
    );
    assert_eq!(run.status, 0);
    // Weeks later the root's CRL says nothing of the CA any more.
    let later = ["--at", "2026-12-02T00:00:00Z", "--format", "json"];
    let run = crlctl(&[&["snapshot", "show", &file][..], &later].concat());
    assert_eq!(run.json()["issuers"][0]["standing"], "in-doubt");
}

/// The same snapshot after that CA has announced these revocations.
pub(crate) fn announced(octets: &[u8], ca: &Ca, serials: &[&[u8]]) -> Vec<u8> {
    let mut contents = Snapshot::decode(octets).unwrap().to_contents();
    let mut issuers = contents.issuers.iter_mut();
    let issuer = issuers.find(|issuer| issuer.issuer.key_id == ca.key_id());
    let since = UnixTime::from_civil(2026, 11, 9, (23, 55, 0)).unwrap();
    let notice = |content: &&[u8]| Notice {
        serial: SerialNumber::from_der_integer(content).unwrap(),
        origin: Origin::Announcement,
        since,
        until: since.plus(86_400),
    };
    issuer.unwrap().notices = serials.iter().map(notice).collect();
    contents.encode().unwrap()
}

#[test]
fn announcements_are_shown_and_make_a_difference() {
    let folder = Folder::new("announcements");
    let ca = Ca::root("CA");
    let octets = snapshot(&[&ca], &[publish(&ca, &ca.crl())]);
    let [none, one, other] = [
        ("none", &[][..]),
        ("one", &[&[1][..], &[2]]),
        ("other", &[&[2][..], &[0x7f, 1]]),
    ]
    .map(|(name, serials)| folder.write(name, announced(&octets, &ca, serials)));
    let run = crlctl(&["snapshot", "show", &other, "--at", AT]);
    let line = "  announced    2 that no CRL lists yet: 02 7f01\n";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    let run = crlctl(&["snapshot", "show", &other, "--format", "json"]);
    assert_eq!(run.json()["issuers"][0]["announced"], json!(["02", "7f01"]));

    let run = diff(&one, &other, &[]);
    assert_eq!(run.status, 1);
    let lines = "  announced    7f01\n  settled      01\n";
    assert!(run.stdout.contains(lines), "{}", run.stdout);
    assert_eq!(diff(&none, &one, &[]).status, 1);
    assert_eq!(diff(&one, &one, &[]).status, 0);
}

/// Overrides of these targets, up to that day.
pub(crate) fn overrides(targets: &[(Value, &str)]) -> Overrides {
    let blocks: Vec<_> = targets
        .iter()
        .map(|(target, day)| {
            let mut block = target.clone();
            block["since"] = json!("2026-11-09T00:00:00Z");
            block["until"] = json!(format!("{day}T00:00:00Z"));
            block["note"] = json!("INC-7");
            block
        })
        .collect();
    let file = json!({"version": 1, "blocks": blocks});
    Overrides::read(file.to_string().as_bytes()).unwrap()
}

#[test]
fn blocks_are_shown_apart_and_make_a_difference() {
    let folder = Folder::new("blocks-in-snapshots");
    let ca = Ca::root("CA");
    let issuer = hexadecimal(ca.key_id());
    let of_serial = |serial: &str| json!({"issuer": issuer, "serial": serial});
    let of_key = |octet: &str| json!({"key": octet.repeat(32)});
    let [none, one, other] = [
        ("none", &[][..]),
        (
            "one",
            &[
                (of_serial("01"), "2026-11-20"),
                (of_serial("02"), "2026-11-20"),
                (of_key("aa"), "2026-11-20"),
                (of_key("bb"), "2026-11-20"),
            ],
        ),
        (
            "other",
            &[
                (of_serial("02"), "2026-11-30"),
                (of_serial("7f01"), "2026-11-20"),
                (of_key("bb"), "2026-11-30"),
                (of_key("cc"), "2026-11-20"),
            ],
        ),
    ]
    .map(|(name, targets)| {
        let octets = snapshot_with(&[&ca], &[publish(&ca, &ca.crl())], &overrides(targets));
        folder.write(name, octets)
    });
    let [a, b, c] = ["aa", "bb", "cc"].map(|octet| octet.repeat(32));
    let (short, long) = (
        "2026-11-09T00:00:00Z to 2026-11-20T00:00:00Z",
        "2026-11-09T00:00:00Z to 2026-11-30T00:00:00Z",
    );

    let run = crlctl(&["snapshot", "show", &other, "--at", AT]);
    let keys = format!("entries\nblocked key    {b}, {long}\nblocked key    {c}, {short}\nissuer ");
    assert!(run.stdout.contains(&keys), "{}", run.stdout);
    let certificates = format!("  blocked      02, {long}\n  blocked      7f01, {short}\n  CRL");
    assert!(run.stdout.contains(&certificates), "{}", run.stdout);
    assert!(!run.stdout.contains("announced"), "{}", run.stdout);
    let report = crlctl(&["snapshot", "show", &one, "--format", "json"]).json();
    let period = json!({"since": "2026-11-09T00:00:00Z", "until": "2026-11-20T00:00:00Z"});
    let with = |name: &str, value: &str| {
        let mut facts = period.clone();
        facts[name] = json!(value);
        facts
    };
    assert_eq!(
        report["issuers"][0]["blocked"],
        json!([with("serialNumber", "01"), with("serialNumber", "02")])
    );
    assert_eq!(report["issuers"][0]["announced"], json!([]));
    assert_eq!(
        report["blockedKeys"],
        json!([with("key", &a), with("key", &b)])
    );

    let run = diff(&one, &other, &[]);
    assert_eq!(run.status, 1);
    let keys = format!(
        "- blocked key {a}\n~ blocked key {b}, {long}, was {short}\n+ blocked key {c}, {short}\n"
    );
    assert!(run.stdout.contains(&keys), "{}", run.stdout);
    let certificates = format!(
        "  unblocked    01\n  blocked      02, {long}, was {short}\n  blocked      7f01, {short}\n"
    );
    assert!(run.stdout.contains(&certificates), "{}", run.stdout);
    let report = diff(&one, &other, &["--format", "json"]).json();
    let changes = report["blockedKeys"].as_array().unwrap().iter();
    let changes: Vec<_> = changes.map(|change| &change["change"]).collect();
    assert_eq!(changes, ["removed", "changed", "added"]);
    assert_eq!(report["blockedKeys"][0]["old"], with("key", &a));
    assert_eq!(report["blockedKeys"][0]["new"], Value::Null);

    // Of a CA that has just come, too; and keys alone are a difference.
    let without_ca = folder.write("without-ca", snapshot(&[&Ca::root("Other CA")], &[]));
    let run = diff(&without_ca, &one, &[]);
    let added = format!("  blocked      01, {short}\n");
    assert!(run.stdout.contains(&added), "{}", run.stdout);
    let keys_only = overrides(&[(of_key("aa"), "2026-11-20")]);
    let keys_only = snapshot_with(&[&ca], &[publish(&ca, &ca.crl())], &keys_only);
    let run = diff(&none, &folder.write("keys-only", keys_only), &[]);
    assert_eq!(run.status, 1);
    let last = run.stdout.lines().last();
    assert_eq!(last, Some(&*format!("+ blocked key {a}, {short}")));
    assert_eq!(diff(&one, &one, &[]).status, 0);
}

fn diff(old: &str, new: &str, more: &[&str]) -> Run {
    crlctl(&[&["snapshot", "diff", old, new][..], more].concat())
}

#[test]
fn diff_tells_what_changed() {
    let folder = Folder::new("diff");
    let (ca, other, gone) = (Ca::root("CA"), Ca::root("Other CA"), Ca::root("Gone CA"));
    let old = snapshot(
        &[&ca, &gone],
        &[
            publish(
                &ca,
                &ca.crl().number(7).revoke(&[1]).revoke(&[2]).revoke(&[3]),
            ),
            publish(&gone, &gone.crl().revoke(&[9])),
        ],
    );
    let old = folder.write("old.snapshot", old);
    // The second number moves to a partition, which is no news; the third is not listed any more.
    let url = ca.partition_url("1");
    let listed: Vec<u8> = (0x10..0x10 + 25).chain([1]).collect();
    let superseding = listed
        .iter()
        .fold(ca.crl().number(8), |crl, serial| crl.revoke(&[*serial]));
    let partition = ca
        .crl()
        .number(1)
        .partition(&[&url])
        .revoke(&[2])
        .revoke(&[0x10]);
    let new = snapshot(
        &[&ca, &other],
        &[
            publish(&ca, &superseding),
            (ca.partition_key("1"), partition.der()),
            publish(&other, &other.crl()),
        ],
    );
    let new = folder.write("new.snapshot", new);

    let run = diff(&old, &new, &["--format", "json"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    let report = run.json();
    assert_eq!(
        [&report["differ"], &report["truststoreChanged"]],
        [true, false]
    );
    let issuers = report["issuers"].as_array().unwrap();
    let of = |name: &str| {
        let subject = json!(format!("C=US, O=Example, CN={name}"));
        let is_meant = |issuer: &&Value| {
            [&issuer["old"], &issuer["new"]]
                .iter()
                .any(|facts| facts["subject"] == subject)
        };
        issuers.iter().find(is_meant).unwrap()
    };
    assert_eq!(issuers.len(), 3);
    let changed = of("CA");
    assert_eq!(changed["change"], "changed");
    let crls: Vec<_> = changed["crls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|crl| {
            let number = |side: &str| crl[side]["crlNumber"].as_u64();
            (
                crl["change"].as_str().unwrap(),
                number("old"),
                number("new"),
            )
        })
        .collect();
    assert_eq!(
        crls,
        [("superseded", Some(7), Some(8)), ("added", None, Some(1))]
    );
    let first: Vec<_> = (0x10..0x10 + 20)
        .map(|serial| format!("{serial:02x}"))
        .collect();
    assert_eq!(changed["newlyListed"], json!({"count": 25, "first": first}));
    assert_eq!(
        changed["noLongerListed"],
        json!({"count": 1, "first": ["03"]})
    );
    assert_eq!(of("Other CA")["change"], "added");
    assert_eq!(of("Gone CA")["change"], "removed");
    assert_eq!(
        of("Gone CA")["noLongerListed"],
        json!({"count": 1, "first": ["09"]})
    );

    let text = diff(&old, &new, &["--limit", "2"]).stdout;
    for line in [
        &format!(
            "~ issuer C=US, O=Example, CN=CA, key {}",
            hexadecimal(ca.key_id())
        ),
        "  ~ CRL, complete: superseded",
        &format!("  + CRL, partition {url}: added"),
        "  newly listed 25: 10 11 ...",
        "  not any more 1: 03",
        &format!(
            "+ issuer C=US, O=Example, CN=Other CA, key {}",
            hexadecimal(other.key_id())
        ),
        &format!(
            "- issuer C=US, O=Example, CN=Gone CA, key {}",
            hexadecimal(gone.key_id())
        ),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    // The way back.
    let back = diff(&new, &old, &["--format", "json"]).json();
    let is_put_back = |crl: &Value| crl["change"] == "put-back";
    let mut crls = back["issuers"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|issuer| issuer["crls"].as_array().unwrap());
    assert!(crls.any(is_put_back), "{back}");
}

#[test]
fn diff_tells_what_became_of_a_ca() {
    let folder = Folder::new("diff-ca");
    let root = Ca::root("Root");
    let ca = root.subordinate("CA");
    let with_root_crl = |crl: CrlBuilder| snapshot(&[&root, &ca], &[publish(&root, &crl)]);
    let old = folder.write("old", with_root_crl(root.crl().number(1)));
    let new = folder.write(
        "new",
        with_root_crl(root.crl().number(2).revoke(&ca.serial())),
    );
    let run = diff(&old, &new, &[]);
    assert_eq!(run.status, 1);
    for line in [
        "  was          good: by the CRL of its own issuer, until 2026-12-01T00:00:00Z",
        "  is           revoked: a CRL of its own issuer lists it, or it is announced or blocked",
    ] {
        assert!(
            run.stdout.lines().any(|found| found == line),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn without_a_difference_there_is_none() {
    let folder = Folder::new("same");
    let ca = Ca::root("CA");
    let crl = ca.crl().revoke(&[1]);
    let one = snapshot(&[&ca], &[publish(&ca, &crl)]);
    // When and by what it was built is no difference.
    let mut contents = Snapshot::decode(&one[..]).unwrap().to_contents();
    contents.built_at = contents.built_at.plus(60);
    contents.builder = "another".to_owned();
    let [one, two] = [("one", one), ("two", contents.encode().unwrap())]
        .map(|(name, octets)| folder.write(name, octets));
    let run = diff(&one, &two, &[]);
    assert!(run.stdout.ends_with("\nno difference\n"), "{}", run.stdout);
    assert_eq!(run.status, 0);
    let report = diff(&one, &two, &["--format", "json"]).json();
    assert_eq!(
        [&report["differ"], &report["issuers"]],
        [&json!(false), &json!([])]
    );
    // The same CRL from elsewhere, and another version of the truststore, are.
    contents.truststore.etag = "\"new\"".to_owned();
    contents.issuers[0].crls[0].source.key = "elsewhere.crl".to_owned();
    let three = folder.write("three", contents.encode().unwrap());
    let run = diff(&one, &three, &["--format", "json"]);
    let report = run.json();
    assert_eq!(
        (&report["truststoreChanged"], run.status),
        (&json!(true), 1)
    );
    assert_eq!(report["issuers"][0]["crls"][0]["change"], "moved");
    assert_eq!(report["issuers"][0]["newlyListed"]["count"], 0);
}

#[test]
fn an_unusable_snapshot_is_named_with_the_remedy() {
    let folder = Folder::new("unusable-snapshot");
    let ca = Ca::root("CA");
    let good = snapshot(&[&ca], &[publish(&ca, &ca.crl().revoke(&[1]))]);
    let bent = |at: usize, value: u8| {
        let mut octets = good.clone();
        octets[at] = value;
        octets
    };
    let good_file = folder.write("good", &good);
    for (name, octets, named) in [
        (
            "corrupt",
            bent(60, 0xff),
            "copy it once more, or restore an earlier version",
        ),
        (
            "newer",
            bent(8, 7),
            "format version 7, this program reads 6; use the crlctl of the release",
        ),
        ("cut", good[..100].to_vec(), "has 100 octets"),
        ("empty", Vec::new(), "cut short"),
        (
            "other",
            b"-----BEGIN X509 CRL-----".to_vec(),
            "is not a snapshot; name the object",
        ),
    ] {
        let file = folder.write(name, octets);
        for arguments in [
            &["snapshot", "show", &file][..],
            &["snapshot", "diff", &file, &good_file],
            &["snapshot", "diff", &good_file, &file],
        ] {
            let run = crlctl(arguments);
            assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{arguments:?}");
            let message = run.stderr.strip_prefix(&format!("crlctl: {file}: "));
            assert!(
                message.is_some_and(|text| text.contains(named)),
                "{}",
                run.stderr
            );
        }
    }
    let missing = folder.0.join("missing");
    let run = crlctl(&["snapshot", "show", missing.to_str().unwrap()]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(
        run.stderr.contains("missing: No such file"),
        "{}",
        run.stderr
    );
}

/// The server needs threads of its own while the test waits for crlctl.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_in_s3_is_as_good_as_one_in_a_file() {
    let folder = Folder::new("s3");
    let (ca, bucket, key) = (Ca::root("CA"), "bucket", "path/revocation.snapshot");
    let s3 = S3Server::start().await;
    s3.create_bucket(bucket);
    let first = snapshot(&[&ca], &[publish(&ca, &ca.crl().number(1))]);
    s3.put(bucket, key, first.clone());
    let versions = s3
        .client()
        .list_object_versions()
        .bucket(bucket)
        .send()
        .await;
    let version = versions.unwrap().versions()[0]
        .version_id()
        .unwrap()
        .to_owned();
    let second = snapshot(&[&ca], &[publish(&ca, &ca.crl().number(2).revoke(&[7]))]);
    s3.put(bucket, key, second.clone());
    let run = |arguments: &[&str]| crlctl_with(&s3.environment(), arguments);

    let current = format!("s3://{bucket}/{key}");
    let earlier = format!("{current}?versionId={version}");
    let in_file = folder.write("second", &second);
    let of_file = run(&["snapshot", "show", &in_file, "--at", AT, "--format", "json"]).json();
    let shown = run(&["snapshot", "show", &current, "--at", AT, "--format", "json"]);
    assert_eq!(shown.status, 0, "{}", shown.stderr);
    assert_eq!(shown.json()["snapshot"]["source"], current);
    assert_eq!(shown.json()["issuers"], of_file["issuers"]);
    let difference = run(&["snapshot", "diff", &earlier, &current, "--format", "json"]).json();
    let newly_listed = &difference["issuers"][0]["newlyListed"];
    assert_eq!(*newly_listed, json!({"count": 1, "first": ["07"]}));
    assert_eq!(run(&["snapshot", "diff", &current, &in_file]).status, 0);
    let cert = folder.write("client.pem", ca.issue("client").certificate_pem());
    let explain = [
        "explain",
        "--snapshot",
        &current,
        "--cert",
        &cert,
        "--at",
        AT,
    ];
    let explained = run(&explain);
    assert!(
        explained.stdout.starts_with("allow: not-revoked\n"),
        "{}",
        explained.stdout
    );

    let missing = format!("s3://{bucket}/missing");
    let denied = Fault::Status(403, "AccessDenied");
    for (source, fault, named) in [
        (&current, Some(denied), "access denied: grant this action"),
        (
            &current,
            Some(Fault::TruncateBody(20)),
            "cannot read s3://bucket/path/revocation.snapshot",
        ),
        (
            &missing,
            None,
            "s3://bucket/missing: there is no such object; the snapshot is where",
        ),
        (&"s3://nowhere/key".to_owned(), None, "NoSuchBucket"),
        (&format!("{current}?versionId=none"), None, "NoSuchVersion"),
    ] {
        if let Some(fault) = fault {
            s3.fail_next(Operation::GetObject, key, fault, 1);
        }
        let found = run(&["snapshot", "show", source]);
        assert_eq!((found.status, found.stdout.as_str()), (2, ""), "{source}");
        let bare = source.split('?').next().unwrap();
        for named in [named, bare] {
            assert!(found.stderr.contains(named), "{named}: {}", found.stderr);
        }
    }
    for source in [
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket/key?versionId=",
    ] {
        let found = run(&["snapshot", "show", source]);
        assert_eq!(found.status, 2);
        assert!(found.stderr.contains("s3://BUCKET/KEY"), "{}", found.stderr);
    }
}
