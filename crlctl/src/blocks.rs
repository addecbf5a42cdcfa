//! `crlctl block`, `unblock` and `blocks`: the operator's overrides, which crl-fetcher takes into the
//! snapshot.

pub(crate) mod place;
mod report;
mod target;

use std::mem;

use crl_fetcher::overrides::{Block, Target};
use revocation::{CertificateKind, UnixTime};

use self::place::Place;
use self::report::{BlockFacts, ClientFacts, TargetFacts};
pub(crate) use self::report::{Blocked, Listing, Unblocked};
use self::target::Meant;
use crate::arguments::blocks as arguments;
use crate::input::InputError;

/// Blocks what the arguments name, in place of the blocks of it that there are.
pub(crate) fn block(arguments: &arguments::Block) -> Result<Blocked, InputError> {
    let arguments::Block {
        overrides: place,
        naming,
        truststore,
        until,
        note,
        since: at,
        ..
    } = arguments;
    let meant = named(Meant::new(naming)?)?;
    let without_ca = match truststore {
        Some(truststore) => meant.without_ca(truststore)?,
        None => None,
    };
    let block = Block {
        target: meant.target.clone(),
        since: *at,
        until: *until,
        note: note.clone(),
    };
    let mut replaced = Vec::new();
    let overrides = place.edit(|overrides| {
        let found = take(&mut overrides.blocks, |held| held.target == block.target);
        // An answer that was lost: the write before has succeeded.
        let is_written = found == [block.clone()];
        overrides.blocks.push(block.clone());
        if !is_written {
            replaced = found;
        }
        !is_written
    })?;
    let next = next_of_block(place, &meant, without_ca.is_none(), *until);
    Ok(Blocked {
        object: place.to_string(),
        block: BlockFacts::new(&block, *at),
        certificate: meant.certificate.as_ref().map(ClientFacts::new),
        replaced: facts(&replaced, *at),
        blocks: overrides.blocks.len(),
        without_ca,
        next,
    })
}

/// Takes the blocks out that the arguments name.
pub(crate) fn unblock(arguments: &arguments::Unblock) -> Result<Unblocked, InputError> {
    let arguments::Unblock {
        overrides: place,
        naming,
        ended,
        at,
        ..
    } = arguments;
    let meant = match ended {
        true => None,
        false => Some(named(Meant::new(naming)?)?),
    };
    let target = meant.as_ref().map(|meant| &meant.target);
    let mut removed = Vec::new();
    let overrides = place.edit(|overrides| {
        let found = take(&mut overrides.blocks, |held| match target {
            Some(target) => held.target == *target,
            None => has_ended(held, *at),
        });
        let is_change = !found.is_empty();
        // Of a write whose answer was lost, nothing is found the next time.
        if is_change {
            removed = found;
        }
        is_change
    })?;
    let other = meant.as_ref().and_then(Meant::other_target);
    let is_still_blocked = |other: &Target| {
        let mut blocks = overrides.blocks.iter();
        blocks.any(|held| held.target == *other && !has_ended(held, *at))
    };
    let other = other.filter(is_still_blocked);
    Ok(Unblocked {
        object: place.to_string(),
        target: target.map(TargetFacts::new),
        certificate: meant
            .as_ref()
            .and_then(|meant| meant.certificate.as_ref())
            .map(ClientFacts::new),
        next: next_of_unblock(place, target, &removed, other.as_ref()),
        removed: facts(&removed, *at),
        blocks: overrides.blocks.len(),
    })
}

/// Lists them.
pub(crate) fn list(arguments: &arguments::Blocks) -> Result<Listing, InputError> {
    let arguments::Blocks {
        overrides: source,
        at,
        ..
    } = arguments;
    let overrides = place::read(source)?;
    Ok(Listing {
        object: source.to_string(),
        exists: overrides.is_some(),
        at: at.to_string(),
        blocks: facts(&overrides.unwrap_or_default().blocks, *at),
    })
}

/// The command line has one of them.
fn named(meant: Option<Meant>) -> Result<Meant, InputError> {
    meant.ok_or_else(|| {
        InputError::new("--cert, --serial, --key-of, --key", "one of them is needed")
    })
}

/// Takes those out that are meant, and leaves the others in their order.
fn take(blocks: &mut Vec<Block>, is_meant: impl Fn(&Block) -> bool) -> Vec<Block> {
    let (taken, left) = mem::take(blocks).into_iter().partition(is_meant);
    *blocks = left;
    taken
}

/// As the fetcher and the authorizer see it.
fn has_ended(block: &Block, at: UnixTime) -> bool {
    block.until < at
}

fn facts(blocks: &[Block], at: UnixTime) -> Vec<BlockFacts> {
    let fact = |block| BlockFacts::new(block, at);
    blocks.iter().map(fact).collect()
}

fn next_of_block(place: &Place, meant: &Meant, has_effect: bool, until: UnixTime) -> Vec<String> {
    let mut next = of_write(place);
    if !has_effect {
        return next;
    }
    if let Place::Object(_) = place {
        let reason = match meant.target {
            Target::Certificate { .. } => "blocked",
            Target::Key(_) => "key-blocked",
        };
        next.push(format!(
            "An authorizer has that snapshot SNAPSHOT_SOFT_AGE_SECONDS (30) later while requests come, \
             and SNAPSHOT_HARD_AGE_SECONDS (300) at the latest; from then on the client is denied as \
             {reason}."
        ));
    }
    let Some(client) = &meant.certificate else {
        return next;
    };
    if client.as_certificate().kind == CertificateKind::Ca {
        next.push(
            "The certificate is a CA's: if the truststore has it, all that this CA issued is denied."
                .to_owned(),
        );
    }
    if until < client.not_after {
        next.push(
            "The certificate is valid for longer than it is blocked: unless a CRL lists it by then, the \
             client is let in again."
                .to_owned(),
        );
    }
    next
}

fn next_of_unblock(
    place: &Place,
    target: Option<&Target>,
    removed: &[Block],
    other: Option<&Target>,
) -> Vec<String> {
    let mut next = Vec::new();
    match (target, removed) {
        (Some(_), []) => next.push("crlctl blocks lists what is blocked.".to_owned()),
        (Some(_), _) => {
            next.extend(of_write(place));
            next.push(
                "What the CA says still counts: a CRL that lists the certificate, or an announcement."
                    .to_owned(),
            );
        }
        (None, _) => {}
    }
    if let Some(other) = other {
        next.push(format!("The certificate is still blocked by {other}."));
    }
    next
}

fn of_write(place: &Place) -> Vec<String> {
    vec![match place {
        Place::Object(_) => {
            "The write starts crl-fetcher, whose OVERRIDES_BUCKET and OVERRIDES_KEY must name this \
             object; it publishes a snapshot with the change."
        }
        Place::File(_) => {
            "Nothing changes before this file is the object that OVERRIDES_BUCKET and OVERRIDES_KEY of \
             crl-fetcher name."
        }
    }
    .to_owned()]
}
