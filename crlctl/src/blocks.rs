//! What the operator has blocked: to add to it, take from it, and look at it.

mod store;

use std::fmt;
use std::path::Path;

use crl_fetcher::overrides::{Block, Overrides, Target, read_key, read_serial};
use revocation::{BlockedKey, SerialNumber, UnixTime, hexadecimal, read_hexadecimal};
use serde::Serialize;

use self::store::Store;
use crate::arguments::{Block as BlockArguments, Blocks, Target as TargetArguments, Unblock};
use crate::facts::distance;
use crate::input::{self, InputError};

/// What became of a target.
pub(crate) struct Change {
    target: Target,
    /// The block that there is now.
    block: Option<Block>,
    /// Those that there were before.
    replaced: Vec<Block>,
    overrides: input::Source,
    now: UnixTime,
}

/// Writes a block, in the place of an earlier one of the same target.
pub(crate) fn block(arguments: &BlockArguments) -> Result<Change, InputError> {
    let target = target(&arguments.target)?;
    let now = arguments.now;
    if arguments.until <= now {
        return Err(InputError::new(
            "--until",
            format_args!("{} is not in the future", arguments.until),
        ));
    }
    let block = Block {
        target: target.clone(),
        since: now,
        until: arguments.until,
        note: arguments.note.clone(),
    };
    change(&arguments.overrides, target, Some(block), now)
}

/// Takes every block of a target away.
pub(crate) fn unblock(arguments: &Unblock) -> Result<Change, InputError> {
    let target = target(&arguments.target)?;
    change(&arguments.overrides, target, None, arguments.now)
}

fn change(
    overrides: &input::Source,
    target: Target,
    block: Option<Block>,
    now: UnixTime,
) -> Result<Change, InputError> {
    let store = Store::new(overrides)?;
    let replaced = store.change(|overrides| {
        let is_recent = |held: &Block| now.since(held.until) < KEPT_AFTER_THE_END;
        overrides.blocks.retain(is_recent);
        let is_it = |held: &Block| held.target == target;
        let replaced: Vec<_> = overrides
            .blocks
            .extract_if(.., |held| is_it(held))
            .collect();
        overrides.blocks.extend(block.clone());
        // Without a block to take away there is nothing to write.
        (block.is_some() || !replaced.is_empty(), replaced)
    })?;
    Ok(Change {
        target,
        block,
        replaced,
        overrides: overrides.clone(),
        now,
    })
}

/// Blocks that have ended tell what was done. For how many seconds they do.
const KEPT_AFTER_THE_END: i64 = 90 * 86_400;

/// What the operator has blocked now.
pub(crate) fn blocks(arguments: &Blocks) -> Result<Listing, InputError> {
    let Overrides { blocks } = Store::new(&arguments.overrides)?.read()?;
    let listed = blocks.iter().map(|block| Listed::new(block, arguments.now));
    Ok(Listing {
        overrides: arguments.overrides.to_string(),
        blocks: listed.collect(),
    })
}

impl Change {
    /// Whether there is something to report: a block written, or one taken away.
    pub(crate) const fn happened(&self) -> bool {
        self.block.is_some() || !self.replaced.is_empty()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target,
            block,
            replaced,
            overrides,
            now,
        } = self;
        match block {
            Some(block) => writeln!(f, "blocked: {target}, until {}", away(block.until, *now))?,
            None if replaced.is_empty() => {
                return writeln!(f, "{target} was not blocked in {overrides}");
            }
            None => writeln!(f, "unblocked: {target}")?,
        }
        if let Some(Block { note, .. }) = block {
            writeln!(f, "  note: {note}")?;
        }
        for Block { until, note, .. } in replaced {
            writeln!(f, "  before: until {}: {note}", away(*until, *now))?;
        }
        match overrides {
            input::Source::File(path) => writeln!(
                f,
                "  it counts once {} is where OVERRIDES_BUCKET and OVERRIDES_KEY of crl-fetcher say",
                path.display()
            ),
            input::Source::Object { .. } => writeln!(
                f,
                "  it counts once crl-fetcher has read {overrides}, which S3's event starts, and each \
                 authorizer has the new snapshot"
            ),
        }
    }
}

/// All blocks.
#[derive(Serialize)]
pub(crate) struct Listing {
    overrides: String,
    blocks: Vec<Listed>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    since: String,
    until: String,
    has_ended: bool,
    note: String,
    #[serde(skip)]
    target: String,
    #[serde(skip)]
    distance: String,
}

impl Listed {
    fn new(block: &Block, now: UnixTime) -> Self {
        let (issuer, serial, key) = match &block.target {
            Target::Certificate { issuer, serial } => {
                (Some(hexadecimal(issuer)), Some(serial.to_string()), None)
            }
            Target::Key(key) => (None, None, Some(hexadecimal(key))),
        };
        Self {
            issuer,
            serial,
            key,
            since: block.since.to_string(),
            until: block.until.to_string(),
            has_ended: block.until < now,
            note: block.note.clone(),
            target: block.target.to_string(),
            distance: distance(block.until, now),
        }
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.blocks.is_empty() {
            return writeln!(f, "{}: nothing is blocked", self.overrides);
        }
        for block in &self.blocks {
            let ends = if block.has_ended { "ended" } else { "until" };
            writeln!(f, "{}", block.target)?;
            writeln!(f, "  {ends}  {}, {}", block.until, block.distance)?;
            writeln!(f, "  since  {}", block.since)?;
            writeln!(f, "  note   {}", block.note)?;
        }
        Ok(())
    }
}

fn away(moment: UnixTime, now: UnixTime) -> String {
    format!("{moment}, {}", distance(moment, now))
}

/// What the arguments name.
fn target(arguments: &TargetArguments) -> Result<Target, InputError> {
    let TargetArguments {
        issuer,
        serial,
        cert,
        key_of,
        key,
    } = arguments;
    if let Some(text) = key {
        let key = read_key(&without_colons(text));
        return key.map(Target::Key).ok_or_else(|| {
            InputError::new("--key", "it is not the 64 hexadecimal digits of a SHA-256")
        });
    }
    if let Some(path) = key_of {
        let certificate = input::readable_certificate(path)?;
        let public_key = certificate.as_certificate().public_key;
        return Ok(Target::Key(BlockedKey::hash(public_key)));
    }
    let named = issuer.as_deref().map(key_identifier).transpose()?;
    let (issuer, serial): (Option<Vec<u8>>, SerialNumber) = match (cert, serial) {
        (Some(path), _) => {
            let certificate = input::readable_certificate(path)?;
            let stated = certificate
                .as_certificate()
                .authority_key_id
                .map(<[u8]>::to_vec);
            if let (Some(stated), Some(named)) = (&stated, &named)
                && stated != named
            {
                return Err(InputError::new(
                    path.display(),
                    format_args!(
                        "it was issued by the CA with key identifier {}, not {}",
                        hexadecimal(stated),
                        hexadecimal(named)
                    ),
                ));
            }
            (named.or(stated), certificate.serial)
        }
        (None, Some(text)) => {
            let serial = read_serial(&without_colons(text)).ok_or_else(|| {
                InputError::new("--serial", "it is not up to 20 octets in hexadecimal")
            })?;
            (named, serial)
        }
        (None, None) => {
            let what = "it needs --serial or --cert, the certificate that this CA issued";
            return Err(InputError::new("--issuer", what));
        }
    };
    let issuer = issuer.ok_or_else(|| {
        InputError::new(
            "--cert",
            "the certificate does not name the key of its CA; give the CA with --issuer",
        )
    })?;
    Ok(Target::Certificate { issuer, serial })
}

/// Of the CA: of the certificate in a file, or in hexadecimal where there is no such file.
fn key_identifier(text: &str) -> Result<Vec<u8>, InputError> {
    let digits = without_colons(text);
    if !Path::new(text).exists()
        && let Some(key_id) = read_hexadecimal(&digits)
    {
        return match digits.len() % 2 {
            0 => Ok(key_id),
            _ => Err(InputError::new(
                "--issuer",
                "a key identifier has two digits an octet: is it cut short?",
            )),
        };
    }
    let truststore = input::truststore(&[text.into()])?;
    match truststore.cas() {
        [ca] => Ok(ca.issuer.key_id.clone()),
        cas => Err(InputError::new(
            text,
            format_args!("there are {} CAs in it; name one", cas.len()),
        )),
    }
}

fn without_colons(text: &str) -> String {
    text.replace(':', "")
}
