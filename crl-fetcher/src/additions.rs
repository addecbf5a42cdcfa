//! Whether the next snapshot revokes what the last one did not.

use std::collections::BTreeMap;

use revocation::{
    BlockedKey, Contents, CrlRecord, Issuer, IssuerRecord, Notice, Origin, SerialNumber, UnixTime,
};

/// Whether anything that `held` did not deny for good is denied by `next` from its publication on: a
/// serial number, a public key, a CA, or a CA's clients because the truststore has the CA no more.
///
/// O(n) in the CRLs that have changed. What time alone changes is not looked for: a CRL that expires
/// does so in both.
pub(crate) fn adds_revocations(held: &Contents, next: &Contents) -> bool {
    // Taken apart so that what a snapshot may come to say is not forgotten here.
    let Contents {
        built_at: _,
        builder: _,
        truststore: _,
        blocked_keys: held_keys,
        issuers: held,
    } = held;
    let Contents {
        built_at: now,
        builder: _,
        truststore: _,
        blocked_keys: next_keys,
        issuers: next,
    } = next;
    let mut held: BTreeMap<&Issuer, &IssuerRecord> =
        held.iter().map(|record| (&record.issuer, record)).collect();
    let adds = next
        .iter()
        .any(|record| denies_more(held.remove(&record.issuer), record, *now));
    let blocks = |keys: &[BlockedKey], key| {
        let mut keys = keys.iter();
        keys.any(|blocked| blocked.key == key && *now <= blocked.until)
    };
    let mut keys = next_keys.iter().map(|blocked| blocked.key);
    let blocks_more = keys.any(|key| blocks(next_keys, key) && !blocks(held_keys, key));
    adds || blocks_more || !held.is_empty()
}

fn denies_more(held: Option<&IssuerRecord>, next: &IssuerRecord, now: UnixTime) -> bool {
    let IssuerRecord {
        issuer: _,
        role,
        key_id_is_derived,
        revoked,
        // Time decides on it.
        good_until: _,
        notices,
        crls,
    } = next;
    // A CA that signs for others, or is referred to in other ways, than before: all it says is new.
    let held =
        held.filter(|held| held.role == *role && (held.key_id_is_derived || !key_id_is_derived));
    let is_denied = |serial: &SerialNumber| {
        held.is_some_and(|held| {
            let mut notices = held.notices.iter();
            let mut crls = held.crls.iter();
            notices.any(|notice| denied_by(notice, now).as_ref() == Some(serial))
                || crls.any(|crl| crl.revoked.contains(serial))
        })
    };
    let is_revoked = *revoked && !held.is_some_and(|held| held.revoked);
    let listed = crls.iter().flat_map(|crl| {
        let same_scope = held.and_then(|held| {
            let mut crls = held.crls.iter();
            crls.find(|held| held.scope == crl.scope)
        });
        listed_anew(same_scope, crl)
    });
    let noticed = notices.iter().filter_map(|notice| denied_by(notice, now));
    is_revoked || listed.chain(noticed).any(|serial| !is_denied(&serial))
}

/// The certificate that a notice denies at that moment.
fn denied_by(notice: &Notice, now: UnixTime) -> Option<SerialNumber> {
    let Notice {
        serial,
        origin: Origin::Announcement | Origin::Override,
        since: _,
        until,
    } = *notice;
    (now <= until).then_some(serial)
}

/// What a CRL lists that the last one of its scope did not.
fn listed_anew<'a>(
    held: Option<&'a CrlRecord>,
    next: &'a CrlRecord,
) -> impl Iterator<Item = SerialNumber> + 'a {
    let CrlRecord {
        scope: _,
        number: _,
        this_update: _,
        next_update: _,
        source: _,
        digest,
        revoked,
    } = next;
    let is_same = held.is_some_and(|held| held.digest == *digest);
    let next = (!is_same).then(|| revoked.iter()).into_iter().flatten();
    let mut held = held
        .into_iter()
        .flat_map(|held| held.revoked.iter())
        .peekable();
    // Both ascend.
    next.filter(move |serial| {
        while held.next_if(|held| held < serial).is_some() {}
        held.next_if_eq(serial).is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use revocation::{Covers, CrlNumber, ObjectRef, RevokedSet, Role, Scope};

    /// A serial number of each kind that a set has.
    fn serial(index: u8) -> SerialNumber {
        let octets = match index % 4 {
            0 => vec![index],
            1 => vec![0x40 + index, 7],
            2 => [[index + 1; 10], [index; 10]].concat(),
            _ => vec![0x80 + index],
        };
        SerialNumber::from_der_integer(&octets).unwrap()
    }

    const SERIALS: u8 = 16;

    /// With the serial numbers whose bit is set.
    fn crl(scope: u8, serials: u16) -> CrlRecord {
        let is_listed = |index: &u8| serials & (1 << index) != 0;
        CrlRecord {
            scope: Scope {
                names: vec![vec![scope]],
                covers: Covers::AllCertificates,
            },
            number: CrlNumber::from_der_integer(&[1]).unwrap(),
            this_update: NOW,
            next_update: NOW,
            source: ObjectRef::default(),
            digest: [serials.to_be_bytes(); 16].concat().try_into().unwrap(),
            revoked: RevokedSet::from_serials((0..SERIALS).filter(is_listed).map(serial).collect())
                .unwrap(),
        }
    }

    fn notice(index: u8, until: i64) -> Notice {
        Notice {
            serial: serial(index),
            origin: Origin::Announcement,
            since: UnixTime::from_seconds(0),
            until: UnixTime::from_seconds(until),
        }
    }

    const NOW: UnixTime = UnixTime::from_seconds(1000);

    fn contents(issuers: Vec<IssuerRecord>) -> Contents {
        Contents {
            built_at: NOW,
            builder: "test".to_owned(),
            truststore: ObjectRef::default(),
            blocked_keys: Vec::new(),
            issuers,
        }
    }

    fn issuer(name: u8) -> IssuerRecord {
        IssuerRecord::new(Issuer {
            name: vec![name],
            key_id: vec![name],
        })
    }

    fn listing(serials: u16) -> Contents {
        contents(vec![IssuerRecord {
            crls: vec![crl(0, serials)],
            ..issuer(1)
        }])
    }

    fn noticing(index: u8, until: i64) -> Contents {
        contents(vec![IssuerRecord {
            notices: vec![notice(index, until)],
            crls: vec![crl(0, 0b1)],
            ..issuer(1)
        }])
    }

    #[test]
    fn a_serial_number_is_new_once() {
        assert!(adds_revocations(&contents(vec![issuer(1)]), &listing(0b1)));
        assert!(adds_revocations(&listing(0b01), &listing(0b11)));
        assert!(!adds_revocations(&listing(0b11), &listing(0b11)));
        // Expired certificates leave the list.
        assert!(!adds_revocations(&listing(0b11), &listing(0b10)));
        assert!(adds_revocations(&listing(0b11), &listing(0b110)));
    }

    #[test]
    fn a_notice_is_new_until_the_crl_lists_the_certificate() {
        assert!(adds_revocations(&listing(0b1), &noticing(3, 1000)));
        assert!(!adds_revocations(&noticing(3, 1000), &noticing(3, 1000)));
        assert!(!adds_revocations(&noticing(3, 1000), &listing(0b1001)));
        // It was let in again in between.
        assert!(adds_revocations(&noticing(3, 999), &listing(0b1001)));
        assert!(!adds_revocations(&listing(0b1001), &noticing(3, 1000)));
    }

    #[test]
    fn a_blocked_key_is_new_until_it_is_not_any_more() {
        let blocking = |key, until| Contents {
            blocked_keys: vec![BlockedKey {
                key: [key; 32],
                since: UnixTime::from_seconds(0),
                until: UnixTime::from_seconds(until),
            }],
            ..listing(0b1)
        };
        assert!(adds_revocations(&listing(0b1), &blocking(1, 1000)));
        assert!(!adds_revocations(&listing(0b1), &blocking(1, 999)));
        assert!(!adds_revocations(&blocking(1, 1000), &blocking(1, 2000)));
        assert!(adds_revocations(&blocking(1, 999), &blocking(1, 2000)));
        assert!(adds_revocations(&blocking(1, 1000), &blocking(2, 1000)));
        assert!(!adds_revocations(&blocking(1, 1000), &listing(0b1)));
    }

    #[test]
    fn a_certificate_that_moves_to_another_partition_is_not_new() {
        let partitions = |first, second| {
            contents(vec![IssuerRecord {
                crls: vec![crl(0, first), crl(1, second)],
                ..issuer(1)
            }])
        };
        assert!(!adds_revocations(
            &partitions(0b01, 0b10),
            &partitions(0b10, 0b01)
        ));
        assert!(adds_revocations(
            &partitions(0b01, 0b10),
            &partitions(0b10, 0b101)
        ));
    }

    #[test]
    fn a_ca_counts_with_all_it_issued() {
        let good = || contents(vec![issuer(1)]);
        let revoked = || {
            contents(vec![IssuerRecord {
                revoked: true,
                ..issuer(1)
            }])
        };
        assert!(adds_revocations(&good(), &revoked()));
        assert!(!adds_revocations(&revoked(), &revoked()));
        assert!(!adds_revocations(&revoked(), &good()));
        // Nobody vouches for its clients any more.
        assert!(adds_revocations(&good(), &contents(Vec::new())));
        assert!(!adds_revocations(&contents(Vec::new()), &good()));
    }

    #[test]
    fn what_a_ca_says_of_others_is_new_where_it_spoke_for_itself() {
        let as_signer = contents(vec![IssuerRecord {
            role: Role::CrlSigner,
            crls: vec![crl(0, 0b1)],
            ..issuer(1)
        }]);
        assert!(adds_revocations(&listing(0b1), &as_signer));
        assert!(!adds_revocations(&as_signer, &as_signer));
        let mut by_any_key_id = listing(0b1);
        by_any_key_id.issuers[0].key_id_is_derived = true;
        assert!(adds_revocations(&listing(0b1), &by_any_key_id));
        assert!(!adds_revocations(&by_any_key_id, &listing(0b1)));
    }

    fn any_contents() -> impl Strategy<Value = Contents> {
        let notices = prop::collection::vec((0..SERIALS, 998_i64..1003), 0..3);
        // Few bits, or nothing is ever contained in anything.
        let serials = prop::collection::vec(0..SERIALS, 0..4)
            .prop_map(|indices| indices.iter().fold(0, |bits, index| bits | 1 << index));
        let crls = prop::collection::btree_map(0_u8..3, serials, 0..3);
        let issuer = (any::<[bool; 3]>(), notices, crls).prop_map(|(flags, notices, crls)| {
            let notices: BTreeMap<_, _> = notices.into_iter().collect();
            IssuerRecord {
                revoked: flags[0] && flags[1],
                role: match flags[1] && flags[2] {
                    true => Role::CrlSigner,
                    false => Role::Ca,
                },
                notices: notices
                    .iter()
                    .map(|(&at, &until)| notice(at, until))
                    .collect(),
                crls: crls
                    .iter()
                    .map(|(&scope, &bits)| crl(scope, bits))
                    .collect(),
                ..issuer(0)
            }
        });
        prop::collection::btree_map(0_u8..3, issuer, 0..3).prop_map(|issuers| {
            let named = |(name, record)| IssuerRecord {
                issuer: issuer_named(name),
                ..record
            };
            contents(issuers.into_iter().map(named).collect())
        })
    }

    fn issuer_named(name: u8) -> Issuer {
        issuer(name).issuer
    }

    /// Everything that is denied, and by whom.
    fn denied(contents: &Contents) -> Vec<(Issuer, Role, Option<u8>)> {
        let mut denied = Vec::new();
        for record in &contents.issuers {
            let says = |what| (record.issuer.clone(), record.role, what);
            let is_listed = |index: &u8| {
                let serial = serial(*index);
                record.crls.iter().any(|crl| crl.revoked.contains(&serial))
                    || record
                        .notices
                        .iter()
                        .any(|notice| notice.serial == serial && notice.until >= NOW)
            };
            denied.extend(record.revoked.then(|| says(None)));
            denied.extend(
                (0..SERIALS)
                    .filter(is_listed)
                    .map(|index| says(Some(index))),
            );
        }
        denied
    }

    proptest! {
        #[test]
        fn it_is_what_the_difference_of_two_sets_says(
            held in any_contents(),
            next in any_contents(),
        ) {
            let is_gone = held.issuers.iter().any(|held| {
                !next.issuers.iter().any(|next| next.issuer == held.issuer)
            });
            let before = denied(&held);
            let is_new = denied(&next).iter().any(|denied| !before.contains(denied));
            prop_assert_eq!(adds_revocations(&held, &next), is_new || is_gone);
            prop_assert!(!adds_revocations(&next, &next));
        }
    }
}
