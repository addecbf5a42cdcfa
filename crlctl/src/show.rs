//! `crlctl snapshot show`: all that a snapshot says but the serial numbers.

use std::fmt;

use revocation::{Snapshot, UnixTime};
use serde::Serialize;

use crate::facts::{BlockedKeyFacts, CrlFacts, IssuerFacts, Plain, SnapshotFacts, distance};
use crate::input::Source;

/// What a snapshot says, seen from one moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contents {
    snapshot: SnapshotFacts,
    at: String,
    totals: Totals,
    /// Whose certificates are denied, whoever issued them.
    blocked_keys: Vec<BlockedKeyFacts>,
    issuers: Vec<Issuer>,
}

#[derive(Debug, Default, Serialize)]
struct Totals {
    issuers: usize,
    crls: usize,
    entries: u64,
}

#[derive(Debug, Serialize)]
struct Issuer {
    #[serde(flatten)]
    facts: IssuerFacts,
    crls: Vec<Crl>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Crl {
    #[serde(flatten)]
    facts: CrlFacts,
    /// Until nextUpdate; negative once that is past.
    remaining_seconds: i64,
    #[serde(skip)]
    next_update_is: String,
}

impl Contents {
    pub(crate) fn new(snapshot: &Snapshot<Vec<u8>>, source: &Source, at: UnixTime) -> Self {
        let issuers: Vec<Issuer> = snapshot
            .issuers()
            .map(|issuer| Issuer {
                facts: IssuerFacts::new(&issuer, at, 0),
                crls: issuer
                    .crls()
                    .map(|crl| Crl {
                        facts: CrlFacts::new(&crl),
                        remaining_seconds: crl.next_update.since(at),
                        next_update_is: distance(crl.next_update, at),
                    })
                    .collect(),
            })
            .collect();
        let crls = || issuers.iter().flat_map(|issuer| &issuer.crls);
        Self {
            snapshot: SnapshotFacts::new(snapshot, source),
            at: at.to_string(),
            totals: Totals {
                issuers: issuers.len(),
                crls: crls().count(),
                entries: crls().map(|crl| crl.facts.entries).sum(),
            },
            blocked_keys: snapshot
                .blocked_keys()
                .iter()
                .map(BlockedKeyFacts::from)
                .collect(),
            issuers,
        }
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            snapshot,
            at,
            totals:
                Totals {
                    issuers,
                    crls,
                    entries,
                },
            ..
        } = self;
        write!(f, "{snapshot}")?;
        writeln!(f, "  seen from    {at}")?;
        writeln!(
            f,
            "  in all       {issuers} issuers, {crls} CRLs, {entries} entries"
        )?;
        for BlockedKeyFacts { key, period } in &self.blocked_keys {
            writeln!(f, "blocked key    {key}, {period}")?;
        }
        self.issuers
            .iter()
            .try_for_each(|issuer| write!(f, "{issuer}"))
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { facts, crls } = self;
        writeln!(f, "issuer         {}", Plain(&facts.subject))?;
        let derived = match facts.key_id_is_derived {
            true => ", derived from its key",
            false => "",
        };
        writeln!(f, "  key id       {}{derived}", facts.key_id)?;
        if facts.signs_crls_only {
            writeln!(f, "  signs        CRLs only, for the CAs of its name")?;
        }
        writeln!(f, "  is           {}", facts.standing_in_words())?;
        if !facts.announced.is_empty() {
            let (count, serials) = (facts.announced.len(), facts.announced.join(" "));
            writeln!(f, "  announced    {count} that no CRL lists yet: {serials}")?;
        }
        for blocked in &facts.blocked {
            writeln!(
                f,
                "  blocked      {}, {}",
                blocked.serial_number, blocked.period
            )?;
        }
        if crls.is_empty() && !facts.signs_crls_only {
            writeln!(f, "  CRL          none of its own")?;
        }
        crls.iter().try_for_each(|crl| write!(f, "{crl}"))
    }
}

impl fmt::Display for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            facts,
            next_update_is,
            ..
        } = self;
        write!(f, "{facts}")?;
        writeln!(f, "    nextUpdate {}, {next_update_is}", facts.next_update)?;
        writeln!(f, "    digest     {}", facts.digest)
    }
}
