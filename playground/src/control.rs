//! How a second process acts on the running playground: one JSON line each way over a loopback
//! port.
//!
//! Port and secret are in a file in the playground's folder that only the user can read, so neither
//! another user nor a web page in the user's browser can act on it.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::pki::Ca;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::cloud::Cloud;

/// What can be asked of a running playground.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Revoke the certificate of that name.
    Revoke(String),
    /// Issue a certificate of that name.
    Issue(String),
    /// Tell how things stand.
    Status,
}

/// The open control port. It closes when this value goes.
pub struct Control {
    accepting: AbortHandle,
}

impl Control {
    /// Opens it.
    ///
    /// # Errors
    /// There is no free port, or the file that names it cannot be written.
    pub async fn start(cloud: Arc<Cloud>) -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let door = Door {
            port: listener.local_addr()?.port(),
            secret: secret(),
        };
        cloud
            .files()
            .write_private(DOOR_FILE, &serde_json::to_string(&door)?)?;
        let secret: Arc<str> = door.secret.into();
        let accepting = tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&secret), Arc::clone(&cloud)));
                }
            }
        });
        Ok(Self {
            accepting: accepting.abort_handle(),
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Sends a command to the playground running in `directory` and prints its answer; `false` if it
/// was refused.
///
/// # Errors
/// None is running there, or it does not answer.
pub async fn send(directory: &Path, command: &Command) -> Result<bool, Box<dyn Error>> {
    let nobody = || {
        format!(
            "no playground is running in {}; start it with `cargo run --bin playground`, or name \
             its folder with --directory",
            directory.display()
        )
    };
    let door = Door::read(directory)?.ok_or_else(nobody)?;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, door.port)).map_err(|_| nobody())?;
    let line = serde_json::to_string(&Call {
        secret: door.secret,
        command,
    })?;
    writeln!(stream, "{line}")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let answer: Answer = serde_json::from_str(&line).map_err(|_| nobody())?;
    match answer.ok {
        true => println!("{}", answer.text),
        false => eprintln!("error: {}", answer.text),
    }
    Ok(answer.ok)
}

/// Where a playground is to be reached.
#[derive(Deserialize, Serialize)]
struct Door {
    port: u16,
    secret: String,
}

impl Door {
    fn read(directory: &Path) -> Result<Option<Self>, Box<dyn Error>> {
        let path = directory.join(DOOR_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(serde_json::from_str(&text).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("cannot read {}: {error}", path.display()).into()),
        }
    }
}

#[derive(Deserialize, Serialize)]
struct Call<C> {
    secret: String,
    command: C,
}

#[derive(Deserialize, Serialize)]
struct Answer {
    ok: bool,
    text: String,
}

async fn serve(mut stream: tokio::net::TcpStream, secret: Arc<str>, cloud: Arc<Cloud>) {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(reader.take(MAX_LINE));
    if reader.read_line(&mut line).await.is_err() {
        return;
    }
    let call = serde_json::from_str::<Call<Command>>(&line).ok();
    let Some(call) = call.filter(|call| *call.secret == *secret) else {
        return;
    };
    let (ok, text) = match act(&cloud, call.command).await {
        Ok(text) => (true, text),
        Err(error) => (false, error),
    };
    if let Ok(line) = serde_json::to_string(&Answer { ok, text }) {
        let _ = writer.write_all(format!("{line}\n").as_bytes()).await;
    }
}

async fn act(cloud: &Arc<Cloud>, command: Command) -> Result<String, String> {
    match command {
        Command::Revoke(name) => {
            let refresh = cloud.announce(&name).await;
            let refresh = refresh.map_err(|error| error.to_string())?;
            let later = Arc::clone(cloud);
            tokio::spawn(async move {
                tokio::time::sleep(CRL_DELAY).await;
                later.publish().await;
            });
            Ok(format!(
                "{name} is revoked, and its CA has announced it\n{refresh}\n\
                 the authorizer asks for it with the next call, once its own is a second old\n\
                 the CRL follows in {} s; AWS Private CA takes about half an hour",
                CRL_DELAY.as_secs()
            ))
        }
        Command::Issue(name) => {
            cloud.issue(&name).map_err(|error| error.to_string())?;
            Ok(format!("{name} has a certificate: {name}.pem, {name}.key"))
        }
        Command::Status => Ok(status(cloud)),
    }
}

fn status(cloud: &Cloud) -> String {
    let mut lines = vec!["certificates:".to_owned()];
    lines.extend(
        cloud
            .standings()
            .iter()
            .map(|(name, text)| format!("  {name:<16} {text}")),
    );
    lines.push("CRLs:".to_owned());
    let described = |ca: &&Ca| format!("  {:<24} {}", ca.common_name(), ca.crl_key());
    lines.extend(cloud.trusted_cas().iter().map(described));
    lines.push(match cloud.snapshot() {
        Some((etag, size)) => format!("snapshot: {size} bytes, ETag {etag}"),
        None => "snapshot: none".to_owned(),
    });
    lines.push(format!("last: {}", cloud.last_refresh()));
    lines.join("\n")
}

/// A fresh serial number of the test PKI is 128 random bits.
fn secret() -> String {
    let serial = Ca::root("control").issue("secret").serial();
    serial.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Long enough to see what an announcement does.
const CRL_DELAY: Duration = Duration::from_secs(15);
const DOOR_FILE: &str = "control.json";
const MAX_LINE: u64 = 4096;
