//! `crlctl explain`: it decides as the authorizer does, and what it says fits.

use authorizer::client_cert::ClientCert;
use authorizer::config::Config;
use authorizer::decision::{Reason, decide};
use revocation::{
    BlockedKey, Contents, IssuerRecord, Role, SerialNumber, Snapshot, Status, UnixTime,
};
use serde_json::{Value, json};
use testkit::events;
use testkit::pki::{Ca, CaOptions, CrlDistributionPoints, KeyIdentifier, Leaf, LeafOptions, oid};

use crate::snapshots::{announced, hexadecimal, overrides, publish, snapshot, snapshot_with};
use crate::{AT, Folder, Run, crlctl};

/// [`AT`].
const NOW: i64 = 1_794_268_800;

/// One certificate for each thing that a snapshot can say, and what it says.
struct Setting {
    folder: Folder,
    octets: Vec<u8>,
    snapshot: String,
    clients: Vec<(&'static str, Leaf)>,
}

impl Setting {
    fn new(test: &str) -> Self {
        let root = Ca::root("Root");
        let silent = Ca::root("CA without a CRL");
        let partitioned = Ca::root("CA with partitions");
        let switched = Ca::root("CA switched to partitions");
        let late = Ca::root("CA with an expired CRL");
        // Its certificate says where its issuer's CRL is, but nothing is there.
        let doubtful = silent.subordinate_with(
            "CA of a CA without a CRL",
            CaOptions {
                crl_distribution_points: CrlDistributionPoints::uri(silent.crl_url()),
                ..CaOptions::default()
            },
        );
        let fallen = root.subordinate("Revoked CA");
        let ca = root.subordinate("CA");
        let with_points = |ca: &Ca, points| {
            ca.issue_with(
                "client",
                LeafOptions {
                    crl_distribution_points: points,
                    ..LeafOptions::default()
                },
            )
        };
        let (revoked, late_and_revoked) = (ca.issue("revoked"), late.issue("revoked"));
        let crls = [
            publish(&root, &root.crl().revoke(&fallen.serial())),
            publish(&ca, &ca.crl().revoke(&revoked.serial())),
            publish(&fallen, &fallen.crl()),
            publish(&doubtful, &doubtful.crl()),
            (
                partitioned.partition_key("1"),
                partitioned
                    .crl()
                    .partition(&[&partitioned.partition_url("1")])
                    .der(),
            ),
            publish(&switched, &switched.crl()),
            (
                switched.partition_key("1"),
                switched
                    .crl()
                    .partition(&[&switched.partition_url("1")])
                    .der(),
            ),
            // nextUpdate was ten minutes ago.
            publish(
                &late,
                &late
                    .crl()
                    .number(7)
                    .next_update(NOW - 600)
                    .revoke(&late_and_revoked.serial()),
            ),
        ];
        let cas = [
            &root,
            &silent,
            &partitioned,
            &switched,
            &late,
            &doubtful,
            &fallen,
            &ca,
        ];
        let octets = snapshot(&cas, &crls);
        let folder = Folder::new(test);
        let partition = |ca: &Ca, id| CrlDistributionPoints::uri(ca.partition_url(id));
        let dated = |not_before, not_after| LeafOptions {
            not_before,
            not_after,
            ..LeafOptions::default()
        };
        let clients = vec![
            ("not-revoked", ca.issue("client")),
            ("revoked", revoked),
            ("revoked", late_and_revoked),
            ("issuer-revoked", fallen.issue("client")),
            ("unknown-issuer", Ca::root("Unknown CA").issue("client")),
            // Of the same name as a CA that is known.
            ("unknown-issuer", Ca::root("CA").issue("client")),
            ("issuer-without-crl", silent.issue("client")),
            (
                "not-revoked",
                with_points(&partitioned, partition(&partitioned, "1")),
            ),
            (
                "missing-partition",
                with_points(&partitioned, partition(&partitioned, "2")),
            ),
            (
                "missing-partition",
                with_points(&partitioned, CrlDistributionPoints::Absent),
            ),
            ("not-revoked", switched.issue("client")),
            (
                "not-revoked",
                with_points(&switched, CrlDistributionPoints::Absent),
            ),
            ("crl-expired", late.issue("client")),
            ("issuer-status-unknown", doubtful.issue("client")),
            (
                "certificate-expired",
                ca.issue_with("client", dated(0, NOW - 1)),
            ),
            (
                "certificate-not-yet-valid",
                ca.issue_with("client", dated(NOW + 1, NOW + 2)),
            ),
            (
                "not-revoked",
                ca.issue_with(
                    "server",
                    LeafOptions {
                        extended_key_usage: vec![oid::SERVER_AUTH.to_owned()],
                        ..LeafOptions::default()
                    },
                ),
            ),
        ];
        Self {
            snapshot: folder.write("revocation.snapshot", &octets),
            folder,
            octets,
            clients,
        }
    }

    fn explain(&self, client: &Leaf, variables: &[String], format: &str) -> Run {
        let cert = self.folder.write("client.pem", client.certificate_pem());
        let mut arguments = vec![
            "explain",
            "--snapshot",
            &self.snapshot,
            "--cert",
            &cert,
            "--at",
            AT,
            "--format",
            format,
        ];
        variables
            .iter()
            .for_each(|variable| arguments.extend(["--set", variable]));
        crlctl(&arguments)
    }

    fn client(&self, reason: &str) -> &Leaf {
        let mut clients = self.clients.iter();
        &clients.find(|(found, _)| *found == reason).unwrap().1
    }
}

const POLICIES: [&[&str]; 10] = [
    &[],
    &["ON_UNKNOWN_ISSUER=allow"],
    &["ON_ISSUER_WITHOUT_CRL=allow"],
    &["ON_MISSING_PARTITION=allow"],
    &["ON_EXPIRED_CRL=allow"],
    &["ON_ISSUER_STATUS_UNKNOWN=allow"],
    &["EXPIRED_CRL_GRACE_SECONDS=599"],
    &["EXPIRED_CRL_GRACE_SECONDS=600"],
    &["REQUIRE_CLIENT_AUTH_EKU=yes"],
    &["MODE=shadow"],
];

/// Over all policies: the decision is the library's, the status is the snapshot's, and the facts that
/// are shown bear them out.
#[test]
fn it_agrees_with_the_authorizer_whatever_the_policy() {
    let setting = Setting::new("agreement");
    let snapshot = Snapshot::decode(&setting.octets[..]).unwrap();
    let now = UnixTime::from_seconds(NOW);
    for variables in
        POLICIES.map(|policy| policy.iter().map(ToString::to_string).collect::<Vec<_>>())
    {
        let lookup = |name: &str| {
            let value = |variable: &String| {
                let (found, value) = variable.split_once('=').unwrap();
                (found == name).then(|| value.to_owned())
            };
            let bucket = (name == "SNAPSHOT_BUCKET").then(|| "bucket".to_owned());
            variables.iter().find_map(value).or(bucket)
        };
        let policy = Config::from_environment(&lookup).unwrap().policy;
        for (expected, leaf) in &setting.clients {
            let run = setting.explain(leaf, &variables, "json");
            let found = run.json();
            let context = format!("{expected} {variables:?}: {found}");

            let client = ClientCert::from_der(leaf.certificate_der()).unwrap();
            let Ok(decision) = decide(Ok(&client), &snapshot, now, &policy);
            assert_eq!(found["decision"], decision.effect.code(), "{context}");
            assert_eq!(found["reason"], decision.reason.code(), "{context}");
            assert_eq!(
                run.status,
                i32::from(found["decision"] == "deny"),
                "{context}"
            );
            if policy.expired_crl_grace < 600 && !policy.requires_client_auth {
                assert_eq!(found["reason"], *expected, "{context}");
            }

            let grace = policy.expired_crl_grace;
            let status = snapshot.status(&client.as_certificate(), now, grace);
            assert_eq!(found["status"], status.to_string(), "{context}");
            let unknown: Vec<_> = match status {
                Status::Unknown(reasons) => reasons
                    .iter()
                    .map(|reason| Reason::from(reason).code())
                    .collect(),
                _ => Vec::new(),
            };
            assert_eq!(found["unknown"], json!(unknown), "{context}");
            assert_eq!(status_of_facts(&found), status.to_string(), "{context}");
            assert_ne!(found["because"], json!([]), "{context}");
            assert_ne!(found["changes"], json!([]), "{context}");
        }
    }
}

/// What follows from the CAs and CRLs that are shown, for a certificate that names one CA.
fn status_of_facts(report: &Value) -> &'static str {
    let Some(issuer) = report["issuers"].get(0) else {
        return "unknown";
    };
    let crls = issuer["crls"].as_array().unwrap();
    let fresh = |crl: &&Value| crl["fresh"] == true;
    let authoritative = || crls.iter().filter(|crl| crl["authoritative"] == true);
    let is_fresh = match issuer["authority"].as_str() {
        Some("every") => authoritative().all(|crl| fresh(&crl)),
        Some(_) => authoritative().any(|crl| fresh(&crl)),
        None => false,
    };
    if issuer["standing"] == "revoked" || crls.iter().any(|crl| crl["lists"] == true) {
        "revoked"
    } else if is_fresh && issuer["standing"] == "good" {
        "not-revoked"
    } else {
        "unknown"
    }
}

/// Whoever follows the advice has what it promises.
#[test]
fn what_it_proposes_changes_the_decision() {
    let setting = Setting::new("proposals");
    let mut proposals = 0;
    for (reason, leaf) in &setting.clients {
        let found = setting.explain(leaf, &[], "json").json();
        for change in found["changes"].as_array().unwrap() {
            let Some(assignment) = change.as_str().unwrap().strip_prefix("Or set ") else {
                continue;
            };
            let (name, value) = assignment.split_once(" to ").unwrap();
            let value = value.trim_end_matches('.').trim_end_matches(" or more");
            let run = setting.explain(leaf, &[format!("{name}={value}")], "json");
            assert_eq!(run.json()["decision"], "allow", "{reason}: {change}");
            assert_eq!(run.status, 0);
            proposals += 1;
            if let Ok(seconds) = value.parse::<i64>() {
                let less = format!("{name}={}", seconds - 1);
                let run = setting.explain(leaf, &[less], "json");
                assert_eq!(run.json()["decision"], "deny", "{reason}: {change}");
            }
        }
    }
    // One for each of seven clients, and for the expired CRL a grace period.
    assert_eq!(proposals, 8);
}

#[test]
fn a_decision_is_told_in_words() {
    let setting = Setting::new("words");
    let leaf = setting.client("crl-expired");
    let run = setting.explain(leaf, &["EXPIRED_CRL_GRACE_SECONDS=60".to_owned()], "text");
    let report = setting.explain(leaf, &[], "json").json();
    let text = |pointer: &str| {
        report
            .pointer(pointer)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    let key = text("/issuers/0/crls/0/source/key");
    let expected = format!(
        "deny: crl-expired\n  \
         No CRL of C=US, O=Example, CN=CA with an expired CRL lists the certificate.\n  \
         CRL 7 (complete) from {key} is authoritative: it is complete, and the CA has no partitions.\n  \
         It expired 10 min ago, at 2026-11-09T23:50:00Z, longer than EXPIRED_CRL_GRACE_SECONDS, 1 min.\n\
         what would change it\n  \
         Publish a newer CRL in place of {key}, and invoke crl-fetcher.\n  \
         Or set EXPIRED_CRL_GRACE_SECONDS to 600 or more.\n  \
         Or set ON_EXPIRED_CRL to allow.\n\
         \n\
         at             2026-11-10T00:00:00Z\n\
         certificate    C=US, O=Example, CN=client\n  \
         serial       {}\n  \
         issuer       C=US, O=Example, CN=CA with an expired CRL\n  \
         issuer's key {}\n  \
         valid        2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z\n  \
         public key   {}\n  \
         CRL at       {}\n\
         snapshot       {}\n  \
         from         {}, {} octets\n  \
         built        2026-11-10T00:00:00Z by crl-fetcher {}\n  \
         truststore   truststore.pem (ETag \"of-truststore\")\n\
         issuer         C=US, O=Example, CN=CA with an expired CRL\n  \
         key id       {}\n  \
         is           good: no CRL is to be asked about it\n  \
         CRL 7\n    \
         scope      complete\n    \
         entries    1\n    \
         from       {key} (ETag \"of-{key}\")\n    \
         thisUpdate 2026-11-01T00:00:00Z\n    \
         nextUpdate 2026-11-09T23:50:00Z, 10 min ago\n    \
         it         does not list the certificate, is authoritative for it, is not fresh\n",
        text("/certificate/serialNumber"),
        text("/issuers/0/keyId"),
        text("/certificate/publicKeySha256"),
        text("/certificate/distributionPoints/0/0"),
        text("/snapshot/id"),
        setting.snapshot,
        setting.octets.len(),
        env!("CARGO_PKG_VERSION"),
        text("/issuers/0/keyId"),
    );
    assert_eq!(run.stdout, expected);
    assert_eq!((run.status, run.stderr.as_str()), (1, ""));
}

/// For each reason a phrase that only its own explanation has.
#[test]
fn each_reason_has_words_of_its_own() {
    let setting = Setting::new("reasons");
    for (reason, phrase) in [
        (
            "not-revoked",
            "It is fresh until 2026-12-01T00:00:00Z (in 21 d)",
        ),
        ("revoked", "lists the certificate. That decides"),
        ("issuer-revoked", "CN=Revoked CA is revoked itself"),
        (
            "unknown-issuer",
            "has no CA C=US, O=Example, CN=Unknown CA, key ",
        ),
        ("issuer-without-crl", "The snapshot has no CRL of C=US"),
        ("missing-partition", "none of them is authoritative"),
        ("crl-expired", "It expired 10 min ago"),
        ("issuer-status-unknown", "is revoked itself is not known"),
        (
            "certificate-expired",
            "is not valid after 2026-11-09T23:59:59Z (1 s ago)",
        ),
        (
            "certificate-not-yet-valid",
            "is not valid before 2026-11-10T00:00:01Z (in 1 s)",
        ),
    ] {
        for (other, leaf) in &setting.clients {
            let text = setting.explain(leaf, &[], "text").stdout;
            // Of the clients with that reason the first is meant; the others may have their own words.
            let is_meant = std::ptr::eq(leaf, setting.client(reason));
            if is_meant || *other != reason {
                assert_eq!(text.contains(phrase), is_meant, "{reason}, {other}: {text}");
            }
        }
    }
    let server = &setting.clients.last().unwrap().1;
    let strict = ["REQUIRE_CLIENT_AUTH_EKU=yes".to_owned()];
    let run = setting.explain(server, &strict, "text");
    let words = "deny: not-for-client-auth\n  The certificate's extended key usage names neither";
    assert!(run.stdout.starts_with(words), "{}", run.stdout);
    let shadow = ["MODE=shadow".to_owned()];
    let run = setting.explain(setting.client("revoked"), &shadow, "text");
    assert!(run.stdout.starts_with("allow: revoked\n"), "{}", run.stdout);
    let would_be = "MODE is shadow: nobody is denied. In enforce it would be deny: revoked.";
    assert!(run.stdout.contains(would_be), "{}", run.stdout);
    assert_eq!(run.status, 0);
}

#[test]
fn an_announced_revocation_is_told_as_one() {
    let folder = Folder::new("announced");
    let ca = Ca::root("CA");
    let client = ca.issue("client");
    let octets = snapshot(&[&ca], &[publish(&ca, &ca.crl())]);
    let snapshot = folder.write("snapshot", announced(&octets, &ca, &[&client.serial()]));
    let cert = folder.write("client.pem", client.certificate_pem());
    let explain = |at| {
        crlctl(&[
            "explain",
            "--snapshot",
            &snapshot,
            "--cert",
            &cert,
            "--at",
            at,
        ])
    };
    let run = explain(AT);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(
        run.stdout.starts_with("deny: revocation-announced\n"),
        "{}",
        run.stdout
    );
    let sentence =
        "announced at 2026-11-09T23:55:00Z (5 min ago) that it has revoked the certificate";
    assert!(run.stdout.contains(sentence), "{}", run.stdout);
    // No CRL has confirmed it, and it was not kept for longer.
    let run = explain("2026-11-10T23:55:01Z");
    assert!(
        run.stdout.starts_with("allow: not-revoked\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_block_is_told_as_one() {
    let folder = Folder::new("blocked");
    let (ca, stranger) = (Ca::root("CA"), Ca::root("Unknown CA"));
    let [client, stolen] = ["client", "stolen"].map(|name| ca.issue(name));
    let foreign = stranger.issue("foreign");
    let hash = |leaf: &Leaf| {
        let client = ClientCert::from_der(leaf.certificate_der()).unwrap();
        hexadecimal(&BlockedKey::hash(client.as_certificate().public_key))
    };
    let serial = SerialNumber::from_der_integer(&client.serial()).unwrap();
    let of_serial = json!({"issuer": hexadecimal(ca.key_id()), "serial": serial.to_string()});
    let targets = [
        (of_serial, "2026-11-20"),
        (json!({"key": hash(&stolen)}), "2026-11-20"),
        (json!({"key": hash(&foreign)}), "2026-11-20"),
    ];
    let octets = snapshot_with(&[&ca], &[publish(&ca, &ca.crl())], &overrides(&targets));
    let snapshot = folder.write("snapshot", octets);
    let explain = |leaf: &Leaf, at, format| {
        let cert = folder.write("client.pem", leaf.certificate_pem());
        let arguments = ["explain", "--snapshot", &snapshot, "--cert", &cert];
        crlctl(&[&arguments[..], &["--at", at, "--format", format]].concat())
    };
    let period = "made at 2026-11-09T00:00:00Z (1 d ago)";
    let end = "until 2026-11-20T00:00:00Z (in 10 d)";
    let advice = "crlctl blocks tells why; crlctl unblock takes it back.";

    let run = explain(&client, AT, "text");
    let expected = format!(
        "deny: blocked\n  An override, {period}, blocks the certificate {end}.\nwhat would change it\n  \
         {advice}\n\n"
    );
    assert!(run.stdout.starts_with(&expected), "{}", run.stdout);
    let report = explain(&client, AT, "json").json();
    assert_eq!(report["reason"], "blocked");
    assert_eq!(report["status"], "revoked");
    assert_eq!(report["blockedKey"], Value::Null);
    assert_eq!(
        report["issuers"][0]["blocked"],
        json!([{"serialNumber": serial.to_string(),
                "since": "2026-11-09T00:00:00Z", "until": "2026-11-20T00:00:00Z"}])
    );

    // Whoever issued it, the truststore's CA or one that it does not know.
    for leaf in [&stolen, &foreign] {
        let run = explain(leaf, AT, "text");
        assert_eq!(run.status, 1, "{}", run.stderr);
        let expected = format!(
            "deny: key-blocked\n  An override, {period}, blocks the certificate's public key, {}, {end}, \
             whoever issued the certificate.\nwhat would change it\n  {advice}\n  Or issue",
            hash(leaf)
        );
        assert!(run.stdout.starts_with(&expected), "{}", run.stdout);
        let report = explain(leaf, AT, "json").json();
        assert_eq!(report["reason"], "key-blocked");
        assert_eq!(
            report["blockedKey"],
            json!({"key": hash(leaf), "since": "2026-11-09T00:00:00Z",
                   "until": "2026-11-20T00:00:00Z"})
        );
        assert_eq!(report["certificate"]["publicKeySha256"], hash(leaf));
    }
    assert_eq!(explain(&foreign, AT, "json").json()["issuers"], json!([]));

    // Once the blocks have ended, what is known otherwise counts.
    let later = "2026-11-20T00:00:01Z";
    for (leaf, reason) in [
        (&client, "not-revoked"),
        (&stolen, "not-revoked"),
        (&foreign, "unknown-issuer"),
    ] {
        assert_eq!(explain(leaf, later, "json").json()["reason"], reason);
    }
}

/// CAs that share a name: which of them is meant, and which only signs CRLs.
#[test]
fn cas_of_one_name_are_told_apart() {
    let folder = Folder::new("one-name");
    let (ca, second) = (Ca::root("CA"), Ca::root("CA"));
    let by = |key_id| LeafOptions {
        authority_key_identifier: key_id,
        ..LeafOptions::default()
    };
    let anonymous = ca.issue_with("client", by(KeyIdentifier::Absent));
    let named = ca.issue("client");
    let octets = snapshot(
        &[&ca, &second],
        &[publish(&second, &second.crl().number(7))],
    );
    let contents = Snapshot::decode(&octets[..]).unwrap().to_contents();
    let explain = |contents: &Contents, client: &Leaf| {
        let snapshot = folder.write("revocation.snapshot", contents.encode().unwrap());
        let cert = folder.write("client.pem", client.certificate_pem());
        let arguments = [
            "explain",
            "--snapshot",
            &snapshot,
            "--cert",
            &cert,
            "--at",
            AT,
        ];
        let report = crlctl(&[&arguments[..], &["--format", "json"]].concat()).json();
        (report, crlctl(&arguments).stdout)
    };
    let (report, text) = explain(&contents, &anonymous);
    assert_eq!(report["reason"], "issuer-without-crl");
    assert_eq!(report["issuers"].as_array().unwrap().len(), 2);
    assert!(text.contains("does not say which of 2 CAs"), "{text}");
    assert!(text.contains("  issuer's key not named\n"), "{text}");
    let (report, text) = explain(&contents, &named);
    assert_eq!(report["issuers"].as_array().unwrap().len(), 1);
    assert_eq!(report["othersOfThatName"].as_array().unwrap().len(), 1);
    assert!(
        text.contains(": not the one that the certificate names\n"),
        "{text}"
    );

    let with_signer = |revoked, good_until| {
        let mut contents = contents.clone();
        let is_second = |record: &&mut IssuerRecord| record.issuer.key_id == second.key_id();
        let signer = contents.issuers.iter_mut().find(is_second).unwrap();
        signer.role = Role::CrlSigner;
        (signer.revoked, signer.good_until) = (revoked, good_until);
        explain(&contents, &named)
    };
    let (report, text) = with_signer(false, UnixTime::MAX);
    assert_eq!(report["reason"], "not-revoked");
    assert_eq!(
        report["issuers"][0]["crls"][0]["signer"]["signsCrlsOnly"],
        true
    );
    assert!(
        text.contains("    signed by  C=US, O=Example, CN=CA, key "),
        "{text}"
    );
    assert!(text.contains(": signs CRLs only\n"), "{text}");
    let until = UnixTime::from_seconds(NOW - 60);
    for (revoked, good_until, phrase) in [
        (
            true,
            UnixTime::MAX,
            "is revoked: a CRL of its own issuer lists it, or it is announced or blocked.",
        ),
        (false, until, "it was good until 2026-11-09T23:59:00Z."),
        (
            false,
            UnixTime::MIN,
            "is in doubt: the CRL of its own issuer is missing",
        ),
    ] {
        let (report, text) = with_signer(revoked, good_until);
        assert_eq!(report["reason"], "crl-expired", "{report}");
        assert!(
            text.contains("It vouches for nothing, for its signer"),
            "{text}"
        );
        assert!(text.contains(phrase), "{text}");
        let grace = text.contains("Or set EXPIRED_CRL_GRACE_SECONDS to 60 or more.");
        assert_eq!(grace, good_until == until, "{text}");
    }
}

#[test]
fn an_event_is_explained_like_its_certificate() {
    let setting = Setting::new("event");
    let explain = |event: &Value, variables: &[&str]| {
        let event = setting.folder.write("event.json", event.to_string());
        let mut arguments = vec![
            "explain",
            "--snapshot",
            &setting.snapshot,
            "--event",
            &event,
        ];
        arguments.extend(["--at", AT, "--format", "json"]);
        variables
            .iter()
            .for_each(|variable| arguments.extend(["--set", variable]));
        crlctl(&arguments)
    };
    for (_, leaf) in &setting.clients {
        let of_certificate = setting.explain(leaf, &[], "json");
        for event in [
            events::http_api_v2(&leaf.certificate_pem()),
            events::rest_request(&leaf.certificate_pem()),
        ] {
            let run = explain(&event, &[]);
            assert_eq!(run.json(), of_certificate.json());
            assert_eq!(run.status, of_certificate.status);
        }
    }
    let good = setting.client("not-revoked").certificate_pem();
    let mut nowhere = events::rest_request(&good);
    nowhere["methodArn"] = json!("nowhere");
    let without = events::without_client_cert(events::http_api_v2(&good));
    for (event, variables, reason, phrase) in [
        (
            without,
            &[][..],
            "no-client-certificate",
            "has no client certificate",
        ),
        (
            events::http_api_v2("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            &[],
            "certificate-unreadable",
            "it is not an X.509 certificate",
        ),
        (nowhere, &[], "event-unreadable", "names no API"),
        (
            json!([]),
            &["RESPONSE_FORMAT=iam"],
            "no-client-certificate",
            "has no client certificate",
        ),
    ] {
        let run = explain(&event, variables);
        let report = run.json();
        assert_eq!(
            (&report["decision"], run.status),
            (&json!("deny"), 1),
            "{report}"
        );
        assert_eq!(report["reason"], reason, "{report}");
        assert!(report["because"].to_string().contains(phrase), "{report}");
    }
}

#[test]
fn what_it_cannot_use_is_named() {
    let setting = Setting::new("unusable-explain");
    let leaf = setting.client("not-revoked");
    let cert = setting.folder.write("client.pem", leaf.certificate_pem());
    let text = setting.folder.write("notes.txt", "hello");
    let snapshot = ["explain", "--snapshot", &setting.snapshot];
    for (more, named) in [
        (&[][..], "--event"),
        (&["--cert", &cert, "--event", &text], "cannot be used with"),
        (&["--event", &text], "notes.txt: it is not JSON"),
        (&["--cert", &text], "notes.txt: it is neither"),
        (&["--cert", "missing.pem"], "missing.pem: No such file"),
        (&["--cert", &cert, "--set", "MODE"], "NAME=VALUE"),
        (
            &["--cert", &cert, "--set", "MOOD=good"],
            "the function has no such variable, but EXPIRED_CRL_GRACE_SECONDS",
        ),
        (
            &[
                "--cert",
                &cert,
                "--set",
                "MODE=dry",
                "--set",
                "ON_EXPIRED_CRL=yes",
            ],
            "MODE is \"dry\": it must be enforce or shadow; ON_EXPIRED_CRL is \"yes\"",
        ),
    ] {
        let run = crlctl(&[&snapshot[..], more].concat());
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{more:?}");
        assert!(run.stderr.contains(named), "{named}: {}", run.stderr);
    }
}
