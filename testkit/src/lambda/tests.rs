//! The environment under a real Rust Lambda, and under a runtime that misbehaves on demand.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Function, Options, build_packages};

#[tokio::test]
async fn a_real_function_starts_answers_and_ends() {
    let function = Function::start(&sample_api(), "sample-api", &[]).await;
    assert_eq!(function.init_error().await, None);
    let event = json!({"rawPath": "/hello", "requestContext": {"http": {"method": "GET"}}});
    let invocation = function.invoke(event).await;
    let answer = invocation.result.unwrap();
    assert_eq!(answer["statusCode"], 200);
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["path"], "/hello");

    assert!(process_exists(function.pid()));
    let pid = function.pid();
    function.stop().await;
    assert!(!process_exists(pid));
}

#[tokio::test]
async fn a_call_that_does_nothing_takes_less_than_a_millisecond() {
    let function = Function::start(&sample_api(), "sample-api", &[]).await;
    let mut elapsed = Vec::new();
    for _ in 0..500 {
        let invocation = function.invoke(json!({})).await;
        assert!(invocation.result.is_ok());
        elapsed.push(invocation.elapsed);
    }
    // The quickest tells the floor; a busy machine may make any single one slow.
    elapsed.sort();
    println!("floor {:?}, median {:?}", elapsed[0], elapsed[250]);
    assert!(
        elapsed[0] < Duration::from_millis(1),
        "floor {:?}",
        elapsed[0]
    );
}

#[tokio::test]
async fn invocations_are_answered_one_by_one_each_with_its_own_answer() {
    let function = odd("echo").await;
    let payloads: Vec<_> = (0..20).map(|i| json!({"number": i})).collect();
    let calls = payloads
        .iter()
        .map(|payload| function.invoke(payload.clone()));
    let answers = futures::future::join_all(calls).await;
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.result.unwrap())
        .collect();
    assert_eq!(answers, payloads);
}

#[tokio::test]
async fn payload_bytes_pass_unchanged() {
    let function = odd("quote").await;
    let payload = "{ \"a\" : 1.0, \"a\":\t2e0 , \"ü\":\"\\u00fc\" } ";
    let answer = function.invoke_bytes(payload).await.result.unwrap();
    assert_eq!(answer, Value::String(payload.to_owned()));
}

#[tokio::test]
async fn a_reported_error_is_the_result_and_the_next_call_goes_on() {
    let function = odd("error").await;
    let error = function.invoke(json!({})).await.result.unwrap_err();
    assert_eq!(error.to_string(), "Odd: as asked");
    assert!(function.is_running());
    assert_eq!(
        function
            .invoke(json!({}))
            .await
            .result
            .unwrap_err()
            .error_type,
        "Odd"
    );
}

#[tokio::test]
async fn a_runtime_that_dies_is_a_function_error_with_its_logs_complete() {
    let function = odd("die").await;
    let error = function.invoke(json!({})).await.result.unwrap_err();
    assert_eq!(error.error_type, "Runtime.ExitError");
    assert!(
        error.message.contains("exit status: 7"),
        "{}",
        error.message
    );
    assert!(!function.is_running());
    assert!(
        function.logs().iter().any(|line| line == "dying"),
        "{:?}",
        function.logs()
    );
    assert!(function.invoke(json!({})).await.result.is_err());
    assert_eq!(function.init_error().await, None);
}

#[tokio::test]
async fn init_failures_are_reported_and_end_the_wait() {
    let reported = odd("init-error").await;
    assert_eq!(
        reported.init_error().await.as_deref(),
        Some("Odd: cannot start")
    );
    let unreported = odd("die-at-once").await;
    let error = unreported.init_error().await.unwrap();
    assert!(error.contains("exit status: 8"), "{error}");
    assert!(unreported.invoke(json!({})).await.result.is_err());
}

#[tokio::test]
async fn a_timeout_ends_the_environment() {
    let options = Options {
        timeout: Duration::from_millis(50),
        ..odd_options()
    };
    let function = odd_with("sleep", options).await;
    let error = function.invoke(json!({})).await.result.unwrap_err();
    assert_eq!(error.error_type, "Sandbox.Timedout");
    assert!(!process_exists(function.pid()));
}

#[tokio::test]
async fn an_invocation_waits_for_the_extensions_of_the_one_before() {
    let function = odd("extension").await;
    for _ in 0..3 {
        assert_eq!(function.invoke(json!({})).await.result.unwrap(), json!({}));
    }
    let logs = function.logs();
    let order: Vec<_> = logs
        .iter()
        .map(String::as_str)
        .filter(|line| line.starts_with("odd: "))
        .collect();
    let once = ["odd: answered", "odd: extension done"];
    // The third extension event may still be under way.
    assert_eq!(order[..4], [once, once].concat());
}

#[tokio::test]
async fn an_idle_environment_is_frozen_until_the_next_event() {
    let function = odd_with("echo", frozen_when_idle()).await;
    for number in 0..3 {
        until(|| is_stopped(function.pid())).await;
        let answer = function.invoke(json!(number)).await;
        assert_eq!(answer.result.unwrap(), number);
    }
    until(|| is_stopped(function.pid())).await;
    function.thaw();
    assert!(!is_stopped(function.pid()));
}

#[tokio::test]
async fn the_answer_comes_before_the_work_after_it_and_the_freeze_comes_behind_both() {
    let scratch = tempfile::tempdir().unwrap();
    let go = scratch.path().join("go");
    let function = odd_at("work-after", &go, frozen_when_idle()).await;
    for _ in 0..2 {
        let answer = function.invoke(json!({})).await;
        assert_eq!(answer.result.unwrap(), json!({}));
        // It cannot have asked for the next event.
        assert!(!is_stopped(function.pid()));
        std::fs::write(&go, "").unwrap();
        until(|| is_stopped(function.pid())).await;
        assert!(!go.exists());
    }
}

#[tokio::test]
async fn a_busy_extension_puts_off_the_freeze() {
    let function = odd_with("extension", frozen_when_idle()).await;
    for invocations in 1..=3 {
        function.invoke(json!({})).await.result.unwrap();
        until(|| is_stopped(function.pid())).await;
        let done = || {
            let logs = function.logs();
            logs.iter()
                .filter(|line| *line == "odd: extension done")
                .count()
        };
        until(|| done() == invocations).await;
        assert!(is_stopped(function.pid()));
    }
}

#[tokio::test]
async fn an_extension_without_events_is_never_busy() {
    let function = odd_with("quiet-extension", frozen_when_idle()).await;
    assert_eq!(function.init_error().await, None);
    for _ in 0..3 {
        function.invoke(json!({})).await.result.unwrap();
        until(|| is_stopped(function.pid())).await;
    }
}

#[tokio::test]
async fn extensions_are_refused_as_lambda_refuses_internal_ones() {
    let function = odd("refused-extensions").await;
    let refusal = async |text: &str| {
        let line = function.logged(text, Duration::from_secs(10)).await;
        line.unwrap_or_else(|| panic!("{:?}", function.logs()))
    };
    let shutdown = refusal("ShutdownEventNotSupportedForInternalExtension").await;
    assert!(
        shutdown.contains("\"Extension.InvalidEventType\""),
        "{shutdown}"
    );
    refusal("ErrorInvalidEventType").await;
    // What was refused does not keep anybody waiting.
    function.invoke(json!({})).await.result.unwrap();
    refusal("Extension.RegistrationClosed").await;
    function.invoke(json!({})).await.result.unwrap();
}

#[tokio::test]
async fn a_process_can_be_frozen_by_hand_amid_its_work() {
    let scratch = tempfile::tempdir().unwrap();
    let go = scratch.path().join("go");
    let function = odd_at("work-before", &go, odd_options()).await;
    let mut answer = Box::pin(function.invoke(json!({})));
    tokio::select! {
        answer = &mut answer => panic!("{answer:?}"),
        line = function.logged("odd: begun", Duration::from_secs(10)) => assert!(line.is_some()),
    }
    function.freeze();
    until(|| is_stopped(function.pid())).await;
    std::fs::write(&go, "").unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), &mut answer).await;
    assert!(early.is_err(), "{early:?}");
    function.thaw();
    assert!(answer.await.result.is_ok());

    // Frozen between two events it is as if Lambda had done it.
    function.idle().await;
    function.freeze();
    std::fs::write(&go, "").unwrap();
    assert!(function.invoke(json!({})).await.result.is_ok());
}

#[tokio::test]
async fn a_function_with_an_extension_may_end_by_itself_and_others_are_killed() {
    let with_extension = odd_with("quiet-extension", frozen_when_idle()).await;
    assert!(with_extension.shut_down().await);
    assert!(!process_exists(with_extension.pid()));
    // A second time there is nothing to do.
    assert!(with_extension.shut_down().await);

    let without = odd("echo").await;
    assert!(!without.shut_down().await);
    assert!(!process_exists(without.pid()));

    // What is ignored when a program starts, it ignores until it says otherwise.
    let deaf = Options {
        arguments: [
            &["-c", "trap '' TERM; exec \"$0\" \"$@\"", &executable()][..],
            &ODD_ARGUMENTS,
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect(),
        ..odd_options()
    };
    let environment = [("ODD_FUNCTION".to_owned(), "quiet-extension".to_owned())];
    let deaf = Function::start_with(Path::new("/bin/sh"), "odd", &environment, deaf).await;
    assert!(deaf.invoke(json!({})).await.result.is_ok());
    assert!(!deaf.shut_down().await);
    assert!(!process_exists(deaf.pid()));
}

#[tokio::test]
async fn an_environment_of_managed_instances_has_many_invocations_at_a_time() {
    let options = Options {
        concurrency: 4,
        freezes: true,
        ..odd_options()
    };
    // It answers none before it has all of them.
    let function = odd_with("concurrent", options).await;
    let payloads: Vec<_> = (0..12).map(|i| json!({"number": i})).collect();
    let calls = payloads
        .iter()
        .map(|payload| function.invoke(payload.clone()));
    let answers = futures::future::join_all(calls).await;
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.result.unwrap())
        .collect();
    assert_eq!(answers, payloads);
    assert!(!is_stopped(function.pid()));
}

#[tokio::test]
async fn lines_are_echoed_and_can_be_waited_for() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let echo = std::sync::Arc::new(move |line: &str| drop(sender.send(line.to_owned())));
    let function = odd_with(
        "echo",
        Options {
            echo: Some(echo),
            ..odd_options()
        },
    )
    .await;
    let line = function.logged("started", Duration::from_secs(10)).await;
    assert_eq!(line.as_deref(), Some("started"));
    assert!(receiver.try_iter().any(|line| line == "started"));
    assert_eq!(
        function
            .logged("never written", Duration::from_millis(10))
            .await,
        None
    );
}

#[tokio::test]
async fn a_dropped_function_takes_its_process_along() {
    let function = odd("echo").await;
    let pid = function.pid();
    assert!(process_exists(pid));
    drop(function);
    for _ in 0..500 {
        if !process_exists(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("process {pid} is still there");
}

/// Not a test by itself: the function that the tests above run, this very executable again.
#[test]
fn odd_function() {
    let Ok(behaviour) = std::env::var("ODD_FUNCTION") else {
        return;
    };
    println!("started");
    match behaviour.as_str() {
        "init-error" => {
            call(
                "POST",
                "/2018-06-01/runtime/init/error",
                "",
                &odd_error("cannot start"),
            );
            std::process::exit(1);
        }
        "die-at-once" => std::process::exit(8),
        "extension" => extension(),
        "quiet-extension" => quiet_extension(),
        "refused-extensions" => {
            register("[\"INVOKE\", \"SHUTDOWN\"]");
            register("[\"RESUME\"]");
        }
        "concurrent" => concurrent(),
        _ => {}
    }
    loop {
        let (id, payload) = call("GET", "/2018-06-01/runtime/invocation/next", "", "");
        let answer = |kind: &str, body: &str| {
            let path = format!("/2018-06-01/runtime/invocation/{id}/{kind}");
            call("POST", &path, "", body);
        };
        match behaviour.as_str() {
            "quote" => answer("response", &Value::String(payload).to_string()),
            "error" => answer("error", &odd_error("as asked")),
            "die" => {
                println!("dying");
                std::process::exit(7);
            }
            "sleep" => std::thread::sleep(Duration::from_secs(60)),
            "work-before" => {
                println!("odd: begun");
                work_until_told();
                answer("response", &payload);
            }
            "work-after" => {
                answer("response", &payload);
                work_until_told();
            }
            "refused-extensions" => {
                register("[]");
                answer("response", &payload);
            }
            _ => {
                println!("odd: answered");
                answer("response", &payload);
            }
        }
    }
}

/// Registers for INVOKE, and is slow about it.
fn extension() {
    let identifier = register("[\"INVOKE\"]");
    std::thread::spawn(move || {
        loop {
            call("GET", "/2020-01-01/extension/event/next", &identifier, "");
            std::thread::sleep(Duration::from_millis(50));
            println!("odd: extension done");
        }
    });
}

/// Registers for nothing, which is how one has a function told of its end.
fn quiet_extension() {
    let identifier = register("[]");
    std::thread::spawn(move || {
        call("GET", "/2020-01-01/extension/event/next", &identifier, "");
    });
}

/// The header that identifies the extension from now on. Says what it was told.
fn register(events: &str) -> String {
    let register = "/2020-01-01/extension/register";
    let name = "Lambda-Extension-Name: slow\r\n";
    let body = format!("{{\"events\":{events}}}");
    let (id, answer) = call("POST", register, name, &body);
    println!("registered: {answer}");
    format!("Lambda-Extension-Identifier: {id}\r\n")
}

/// Takes as many events at a time as it was told, and answers none of them before it has them all.
fn concurrent() {
    let workers = std::env::var("AWS_LAMBDA_MAX_CONCURRENCY").unwrap();
    let workers = workers.parse().unwrap();
    let all = std::sync::Barrier::new(workers);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let (id, payload) = call("GET", "/2018-06-01/runtime/invocation/next", "", "");
                    all.wait();
                    let path = format!("/2018-06-01/runtime/invocation/{id}/response");
                    call("POST", &path, "", &payload);
                }
            });
        }
    });
}

/// Waits for a file, and takes it away.
fn work_until_told() {
    let go = std::env::var("ODD_FILE").unwrap();
    while std::fs::remove_file(&go).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn odd_error(message: &str) -> String {
    json!({"errorType": "Odd", "errorMessage": message}).to_string()
}

/// One HTTP exchange; returns the identifier in the answer's headers, and its body.
fn call(method: &str, path: &str, headers: &str, body: &str) -> (String, String) {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut stream = TcpStream::connect(&address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let id = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        [
            "lambda-runtime-aws-request-id",
            "lambda-extension-identifier",
        ]
        .contains(&name)
        .then(|| value.to_owned())
    });
    (id.unwrap_or_default(), body.to_owned())
}

async fn odd(behaviour: &str) -> Function {
    odd_with(behaviour, odd_options()).await
}

async fn odd_with(behaviour: &str, options: Options) -> Function {
    odd_at(behaviour, Path::new(""), options).await
}

async fn odd_at(behaviour: &str, file: &Path, options: Options) -> Function {
    let environment = [
        ("ODD_FUNCTION", behaviour),
        ("ODD_FILE", file.to_str().unwrap()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Function::start_with(Path::new(&executable()), "odd", &environment, options).await
}

fn executable() -> String {
    let executable = std::env::current_exe().unwrap();
    executable.to_str().unwrap().to_owned()
}

fn odd_options() -> Options {
    Options {
        arguments: ODD_ARGUMENTS.map(str::to_owned).to_vec(),
        ..Options::default()
    }
}

const ODD_ARGUMENTS: [&str; 3] = ["--exact", "lambda::tests::odd_function", "--nocapture"];

fn frozen_when_idle() -> Options {
    Options {
        freezes: true,
        ..odd_options()
    }
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come about");
}

fn sample_api() -> PathBuf {
    build_packages(&["sample-api"], |_| {})
        .unwrap()
        .remove("sample-api")
        .unwrap()
}

fn process_exists(pid: u32) -> bool {
    // A zombie that nobody has waited for yet does not count as running.
    !matches!(process_state(pid), None | Some(b'Z'))
}

fn is_stopped(pid: u32) -> bool {
    process_state(pid) == Some(b'T')
}

fn process_state(pid: u32) -> Option<u8> {
    let ps = std::process::Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    ps.stdout.first().copied()
}
