//! What is printed of blocks, for people and for scripts.

use std::fmt;

use authorizer::client_cert::ClientCert;
use crl_fetcher::overrides::{Block, Target};
use revocation::{UnixTime, hexadecimal};
use serde::Serialize;

use super::has_ended;
use crate::facts::{Period, Plain, distance};

/// A block that was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Blocked {
    /// The overrides.
    pub(super) object: String,
    pub(super) block: BlockFacts,
    /// By which it was named; null where it was named otherwise.
    pub(super) certificate: Option<ClientFacts>,
    /// What was there of the same target.
    pub(super) replaced: Vec<BlockFacts>,
    /// How many there are now.
    pub(super) blocks: usize,
    /// Why it has no effect, where the truststore has no such CA.
    pub(super) without_ca: Option<String>,
    /// What happens next, in sentences.
    pub(super) next: Vec<String>,
}

/// Blocks that were taken out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Unblocked {
    /// The overrides.
    pub(super) object: String,
    /// Null where those that have ended were meant.
    pub(super) target: Option<TargetFacts>,
    pub(super) certificate: Option<ClientFacts>,
    pub(super) removed: Vec<BlockFacts>,
    /// How many there are now.
    pub(super) blocks: usize,
    /// What happens next, in sentences.
    pub(super) next: Vec<String>,
}

/// Every block.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    /// The overrides.
    pub(super) object: String,
    pub(super) exists: bool,
    pub(super) at: String,
    pub(super) blocks: Vec<BlockFacts>,
}

/// A block, seen from one moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockFacts {
    #[serde(flatten)]
    target: TargetFacts,
    #[serde(flatten)]
    period: Period,
    ended: bool,
    /// Negative once it has ended.
    remaining_seconds: i64,
    note: String,
    #[serde(skip)]
    until_is: String,
}

/// As in the overrides.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum TargetFacts {
    Certificate { issuer: String, serial: String },
    Key { key: String },
}

/// Whose certificate it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientFacts {
    serial_number: String,
    subject: String,
    issuer: String,
    not_before: String,
    not_after: String,
}

impl Blocked {
    /// It has an effect, as far as that was to be found out.
    pub(crate) const fn is_good(&self) -> bool {
        self.without_ca.is_none()
    }
}

impl Unblocked {
    /// There was something to take out, or nothing in particular was meant.
    pub(crate) const fn is_good(&self) -> bool {
        self.target.is_none() || !self.removed.is_empty()
    }
}

impl BlockFacts {
    pub(super) fn new(block: &Block, at: UnixTime) -> Self {
        let ended = has_ended(block, at);
        let away = distance(block.until, at);
        Self {
            target: TargetFacts::new(&block.target),
            period: Period {
                since: block.since,
                until: block.until,
            },
            ended,
            remaining_seconds: block.until.since(at),
            note: block.note.clone(),
            until_is: match ended {
                true => format!("ended {away}"),
                false => away,
            },
        }
    }
}

impl TargetFacts {
    pub(super) fn new(target: &Target) -> Self {
        match target {
            Target::Certificate { issuer, serial } => Self::Certificate {
                issuer: hexadecimal(issuer),
                serial: serial.to_string(),
            },
            Target::Key(key) => Self::Key {
                key: hexadecimal(key),
            },
        }
    }
}

impl ClientFacts {
    pub(super) fn new(client: &ClientCert) -> Self {
        Self {
            serial_number: client.serial.to_string(),
            subject: client.subject.clone(),
            issuer: client.issuer.clone(),
            not_before: client.not_before.to_string(),
            not_after: client.not_after.to_string(),
        }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            block,
            certificate,
            replaced,
            blocks,
            without_ca,
            next,
        } = self;
        writeln!(f, "blocked        {}", block.target)?;
        if let Some(certificate) = certificate {
            write!(f, "{certificate}")?;
        }
        write!(f, "{block}")?;
        for BlockFacts { period, note, .. } in replaced {
            writeln!(f, "  in place of  {period}: {}", Plain(note))?;
        }
        write_place(f, object, *blocks)?;
        if let Some(why) = without_ca {
            writeln!(f, "  NO EFFECT    {}", Plain(why))?;
        }
        write_next(f, next)
    }
}

impl fmt::Display for Unblocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            target,
            certificate,
            removed,
            blocks,
            next,
        } = self;
        match (target, removed.as_slice()) {
            (Some(target), []) => writeln!(f, "not blocked    {target}")?,
            (Some(target), _) => writeln!(f, "unblocked      {target}")?,
            (None, []) => writeln!(f, "unblocked      none: no block has ended")?,
            (None, removed) => {
                writeln!(f, "unblocked      {} that had ended", count(removed.len()))?
            }
        }
        if let Some(certificate) = certificate {
            write!(f, "{certificate}")?;
        }
        for block in removed {
            if target.is_none() {
                writeln!(f, "  block        {}", block.target)?;
            }
            write!(f, "{block}")?;
        }
        write_place(f, object, *blocks)?;
        write_next(f, next)
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            exists,
            at,
            blocks,
        } = self;
        writeln!(f, "overrides      {}", Plain(object))?;
        writeln!(f, "  seen from    {at}")?;
        let ended = blocks.iter().filter(|block| block.ended).count();
        match (exists, blocks.len()) {
            (false, _) => writeln!(f, "  in all       no blocks: there is no such object")?,
            (true, all) => writeln!(f, "  in all       {}, {ended} ended", count(all))?,
        }
        for block in blocks {
            writeln!(f, "block          {}", block.target)?;
            write!(f, "{block}")?;
        }
        Ok(())
    }
}

/// All but the target, which may have been told.
impl fmt::Display for BlockFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Period { since, until } = self.period;
        writeln!(f, "  since        {since}")?;
        writeln!(f, "  until        {until}, {}", self.until_is)?;
        writeln!(f, "  note         {}", Plain(&self.note))
    }
}

impl fmt::Display for TargetFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { issuer, serial } => {
                write!(f, "serial number {serial} of CA {issuer}")
            }
            Self::Key { key } => write!(f, "public key {key}"),
        }
    }
}

impl fmt::Display for ClientFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  subject      {}", Plain(&self.subject))?;
        writeln!(f, "  issuer       {}", Plain(&self.issuer))?;
        writeln!(
            f,
            "  valid        {} to {}",
            self.not_before, self.not_after
        )
    }
}

fn write_place(f: &mut fmt::Formatter<'_>, object: &str, blocks: usize) -> fmt::Result {
    let (object, blocks) = (Plain(object), count(blocks));
    writeln!(f, "  in           {object}, which has {blocks}")
}

fn write_next(f: &mut fmt::Formatter<'_>, next: &[String]) -> fmt::Result {
    if !next.is_empty() {
        writeln!(f, "what happens next")?;
    }
    let mut sentences = next.iter();
    sentences.try_for_each(|sentence| writeln!(f, "  {}", Plain(sentence)))
}

fn count(blocks: usize) -> String {
    match blocks {
        1 => "1 block".to_owned(),
        blocks => format!("{blocks} blocks"),
    }
}
