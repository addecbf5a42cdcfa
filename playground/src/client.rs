//! The client's side: HTTP/1.1 over a connection that shows a client certificate.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use testkit::pki::{Ca, Leaf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls::client_config;

/// Who calls: whom it trusts, and what it shows of itself. Its connections may resume each other's
/// TLS sessions. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
}

/// An open connection, for one request after the other.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    received: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The value of `apigw-requestid`, if there was one.
    pub request_id: Option<String>,
    /// The body.
    pub body: String,
}

impl Client {
    /// Trusts `server_ca`, and shows the certificate if there is one.
    ///
    /// # Errors
    /// TLS cannot be set up with these.
    pub fn new(server_ca: &Ca, leaf: Option<&Leaf>) -> io::Result<Self> {
        let config = client_config(server_ca, leaf).map_err(io::Error::other)?;
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// Connects to the gateway at this port of the loopback interface. With TLS 1.3 a client that is
    /// refused hears of it only with its first request.
    ///
    /// # Errors
    /// Nobody listens, or the handshake fails.
    pub async fn connect(&self, port: u16) -> io::Result<Connection> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        Ok(Connection {
            stream: connector.connect(name, stream).await?,
            received: Vec::new(),
        })
    }
}

impl Connection {
    /// Asks for a path and waits for the answer.
    ///
    /// # Errors
    /// The connection ends before that, or what comes is no HTTP answer with a length.
    pub async fn get(&mut self, path: &str) -> io::Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        let head_length = loop {
            if let Some(at) = find(&self.received, b"\r\n\r\n") {
                break at + 4;
            }
            self.receive().await?;
        };
        let head = self.received.drain(..head_length).collect::<Vec<_>>();
        let head = String::from_utf8_lossy(&head);
        let odd = || io::Error::other(format!("no HTTP answer: {head}"));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let length = header(&head, "content-length").and_then(|length| length.parse().ok());
        let (status, length): (u16, usize) = status.zip(length).ok_or_else(odd)?;
        while self.received.len() < length {
            self.receive().await?;
        }
        let body = self.received.drain(..length).collect::<Vec<_>>();
        Ok(Answer {
            status,
            request_id: header(&head, "apigw-requestid").map(str::to_owned),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    async fn receive(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn find(octets: &[u8], pattern: &[u8]) -> Option<usize> {
    octets
        .windows(pattern.len())
        .position(|window| window == pattern)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}
