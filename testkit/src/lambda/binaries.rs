//! The Lambdas' executables, built from this workspace by cargo itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Where the executables are.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The Lambda authorizer.
    pub authorizer: PathBuf,
    /// The CRL fetcher.
    pub crl_fetcher: PathBuf,
    /// The echo API behind the authorizer.
    pub sample_api: PathBuf,
    /// The custom resource that writes the truststore.
    pub truststore: PathBuf,
}

/// Builds the Lambdas, once per process, in the caller's own profile. Panics with cargo's output if
/// they do not build.
pub fn binaries() -> Binaries {
    static BINARIES: OnceLock<Binaries> = OnceLock::new();
    BINARIES
        .get_or_init(|| build(|_| {}).unwrap_or_else(|error| panic!("{error}")))
        .clone()
}

/// Builds the Lambdas; `progress` hears each line of cargo's output.
pub fn build(progress: impl FnMut(&str)) -> Result<Binaries, BuildError> {
    let packages = ["authorizer", "crl-fetcher", "sample-api", "truststore"];
    let mut built = build_packages(&packages, progress)?;
    let mut take = |name: &str| built.remove(name).unwrap_or_default();
    Ok(Binaries {
        authorizer: take("authorizer"),
        crl_fetcher: take("crl-fetcher"),
        sample_api: take("sample-api"),
        truststore: take("truststore"),
    })
}

/// Builds the binaries of these packages, each of the same name as its package.
pub fn build_packages(
    packages: &[&str],
    mut progress: impl FnMut(&str),
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let mut executables = BTreeMap::new();
    // Cargo unifies the features of all packages it builds together. What is measured must be what
    // ships, so release builds go one by one; tests take the faster way, with the features of the
    // whole workspace, which their own dependencies have been built with.
    let batches = if cfg!(debug_assertions) {
        vec![packages]
    } else {
        packages.chunks(1).collect()
    };
    for batch in batches {
        build_batch(batch, &mut progress, &mut executables)?;
    }
    match packages
        .iter()
        .find(|name| !executables.contains_key(**name))
    {
        Some(name) => Err(BuildError {
            output: format!("cargo names no executable for {name}"),
        }),
        None => Ok(executables),
    }
}

/// Cargo could not build the Lambdas.
#[derive(Debug)]
pub struct BuildError {
    output: String,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot build the Lambda binaries:\n{}", self.output)
    }
}

impl std::error::Error for BuildError {}

fn build_batch(
    packages: &[&str],
    progress: &mut impl FnMut(&str),
    executables: &mut BTreeMap<String, PathBuf>,
) -> Result<(), BuildError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command
        .args([
            "build",
            "--locked",
            "--message-format=json-render-diagnostics",
        ])
        .args(["--manifest-path", WORKSPACE_MANIFEST])
        .args(packages.iter().flat_map(|name| ["--bin", name]))
        .args(match cfg!(debug_assertions) {
            true => vec!["--workspace"],
            false => [&["--release", "-p"][..], packages].concat(),
        })
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in variables_of_the_callers_package() {
        command.env_remove(name);
    }
    let failed = |error: std::io::Error| BuildError {
        output: format!("cannot run {}: {error}", cargo.to_string_lossy()),
    };

    let mut child = command.spawn().map_err(failed)?;
    let stdout = child.stdout.take().map(BufReader::new);
    let artifacts = std::thread::spawn(move || {
        let lines = stdout
            .into_iter()
            .flat_map(BufRead::lines)
            .map_while(Result::ok);
        lines
            .filter_map(|line| executable(&line))
            .collect::<Vec<_>>()
    });
    let mut output = String::new();
    let stderr = child.stderr.take().map(BufReader::new);
    for line in stderr
        .into_iter()
        .flat_map(BufRead::lines)
        .map_while(Result::ok)
    {
        progress(&line);
        // Of what went well, the reader of a failure need not hear.
        if !line.trim_start().starts_with("Compiling ") {
            output.push_str(&line);
            output.push('\n');
        }
    }
    let status = child.wait().map_err(failed)?;
    executables.extend(artifacts.join().unwrap_or_default());
    if status.success() {
        Ok(())
    } else {
        Err(BuildError { output })
    }
}

/// What `cargo run` and `cargo test` tell a program about its package. Some build scripts ask to run
/// again when one of these changes, so handing them on would rebuild half of the dependencies at
/// every change between a call from a shell and a call from cargo.
fn variables_of_the_callers_package() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_CRATE_",
            "CARGO_BIN_",
            "CARGO_PRIMARY_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    })
}

/// Name and path of the executable that a line of cargo's messages announces.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let path = message["executable"].as_str()?;
    Some((
        message["target"]["name"].as_str()?.to_owned(),
        PathBuf::from(path),
    ))
}

const WORKSPACE_MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
