//! A wall clock that jumps, under the real binaries, in either direction and back.

use std::path::PathBuf;
use std::process::Command;

use super::*;
use system_tests::outcomes;
use tempfile::TempDir;

const MINUTE: i64 = 60;
const YEAR: i64 = 365 * 24 * 60 * MINUTE;

/// Past the hard age, by the clock: the request waits for the news.
#[tokio::test]
async fn of_the_authorizer_forward() {
    let world = World::start().await;
    let clock = Clock::start();
    let authorizer = clock.authorizer(&world).await;
    assert_eq!(decide(&authorizer, &world.bob).await, "allow not-revoked");
    world.revoke_bob().await;
    // Young enough by the right clock.
    assert_eq!(decide(&authorizer, &world.bob).await, "allow not-revoked");
    clock.set(10 * MINUTE);
    assert_eq!(decide(&authorizer, &world.bob).await, "deny revoked");
    assert_eq!(decide(&authorizer, &world.carol).await, "allow not-revoked");
    right_again(&world, &clock, &authorizer).await;
}

/// A snapshot from the future is not known to be the current one: the request waits for the news.
#[tokio::test]
async fn of_the_authorizer_back() {
    let world = World::start().await;
    let clock = Clock::start();
    let authorizer = clock.authorizer(&world).await;
    assert_eq!(decide(&authorizer, &world.bob).await, "allow not-revoked");
    world.revoke_bob().await;
    clock.set(-10 * MINUTE);
    assert_eq!(decide(&authorizer, &world.bob).await, "deny revoked");
    assert_eq!(decide(&authorizer, &world.carol).await, "allow not-revoked");
    right_again(&world, &clock, &authorizer).await;
}

/// Nobody is let in whose certificate or whose CA's CRL is not valid by that clock; revoked stays
/// revoked.
#[tokio::test]
async fn of_the_authorizer_by_years() {
    let world = World::start().await;
    let clock = Clock::start();
    let authorizer = clock.authorizer(&world).await;
    for (years, expected) in [
        (2, "deny certificate-expired"),
        (-2, "deny certificate-not-yet-valid"),
    ] {
        clock.set(years * YEAR);
        assert_eq!(decide(&authorizer, &world.bob).await, expected);
        let alice = decide(&authorizer, &world.alice).await;
        assert!(alice.starts_with("deny "), "{alice}");
        clock.set(0);
        assert_eq!(decide(&authorizer, &world.bob).await, "allow not-revoked");
        assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
    }
    clock.set(30 * 24 * 60 * MINUTE);
    assert_eq!(decide(&authorizer, &world.bob).await, "deny crl-expired");
    assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
    world.revoke_bob().await;
    right_again(&world, &clock, &authorizer).await;
}

/// A CRL of the future is not believed, and what is held stays.
#[tokio::test]
async fn of_the_fetcher_back() {
    let world = World::start().await;
    let clock = Clock::start();
    let fetcher = clock.fetcher(&world).await;
    world.publish_news();
    clock.set(-2 * 60 * MINUTE);
    let error = failed_refresh(&fetcher).await;
    assert_eq!(error.error_type, "RefusedSources", "{error}");
    assert!(error.message.contains("not-yet-issued"), "{error}");
    assert_eq!(world.revoked(), ["alice"]);

    clock.set(0);
    let report = settled(&fetcher).await;
    assert_eq!(outcomes(&report)[world.ca.crl_key().as_str()], "accepted");
    assert_eq!(world.revoked(), ["alice", "bob"]);
    let metrics = ["SourcesRefused", "Refused.not-yet-issued", "Published"];
    assert_counted(fetcher, &metrics).await;
}

/// An expired CRL is knowledge all the same.
#[tokio::test]
async fn of_the_fetcher_forward() {
    let world = World::start().await;
    let clock = Clock::start();
    let fetcher = clock.fetcher(&world).await;
    world.publish_news();
    clock.set(30 * 24 * 60 * MINUTE);
    refresh(&fetcher).await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
    let authorizer = world.deployment.authorizer().await;
    assert_eq!(decide(&authorizer, &world.bob).await, "deny revoked");
    assert_eq!(decide(&authorizer, &world.carol).await, "allow not-revoked");

    // What was built in the future does not stand in the way.
    clock.set(0);
    world.publish_crl(3, &[&world.alice, &world.bob, &world.carol]);
    settled(&fetcher).await;
    assert_eq!(world.revoked(), ["alice", "bob", "carol"]);
    assert_eq!(decide(&authorizer, &world.carol).await, "deny revoked");
}

/// The SDK signs by S3's clock, of which it learns from each answer: where the difference has changed
/// since, a call may fail once.
async fn settled(fetcher: &Function) -> Value {
    let first = fetcher.invoke(events::schedule()).await.result;
    match first {
        Err(error) if error.message.contains("RequestTimeTooSkewed") => refresh(fetcher).await,
        first => first.unwrap_or_else(|error| panic!("{error}")),
    }
}

async fn right_again(world: &World, clock: &Clock, authorizer: &Function) {
    clock.set(0);
    assert_eq!(decide(authorizer, &world.alice).await, "deny revoked");
    until_decided(authorizer, &world.bob, "deny revoked").await;
    assert_eq!(decide(authorizer, &world.carol).await, "allow not-revoked");
}

/// The wall clock of some processes.
struct Clock {
    directory: TempDir,
}

impl Clock {
    /// That is right.
    fn start() -> Self {
        let clock = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        clock.set(0);
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/system/faults/clock.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(clock.library())
            .arg(source)
            .status();
        assert!(compiled.expect("a C compiler").success());
        clock
    }

    /// So many seconds off.
    fn set(&self, seconds: i64) {
        // Whoever reads it finds the whole of one number or of the other.
        let draft = self.directory.path().join("draft");
        std::fs::write(&draft, seconds.to_string()).unwrap();
        std::fs::rename(draft, self.offset()).unwrap();
    }

    async fn authorizer(&self, world: &World) -> Function {
        let (library, offset) = (self.library(), self.offset());
        let variables = variables(&library, &offset);
        world.deployment.authorizer_with(&variables).await
    }

    async fn fetcher(&self, world: &World) -> Function {
        let (library, offset) = (self.library(), self.offset());
        let variables = variables(&library, &offset);
        world.deployment.fetcher_with(&variables).await
    }

    fn library(&self) -> PathBuf {
        self.directory.path().join("clock.so")
    }

    fn offset(&self) -> PathBuf {
        self.directory.path().join("offset")
    }
}

fn variables<'a>(
    library: &'a std::path::Path,
    offset: &'a std::path::Path,
) -> [(&'a str, &'a str); 2] {
    [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("CLOCK_OFFSET_FILE", offset.to_str().unwrap()),
    ]
}
