//! The exact number of octets that fixed input is stored in: a change of the format that costs room
//! shows here, on any machine.

use benches::{crl, ours, revoked_set, serials, snapshot};
use testkit::pki::Ca;

#[test]
fn random_serial_numbers_take_these_octets() {
    for (count, octets) in [
        (1, 84),
        (1_000, 15_094),
        (10_000, 146_076),
        (100_000, 1_418_200),
    ] {
        let set = revoked_set(&serials(count, 1));
        assert_eq!(ours::stored_octets(&set), octets, "{count} serial numbers");
    }
}

#[test]
fn serial_numbers_in_sequence_take_these_octets() {
    let first = 0x4a3f_9d21_77c0_5be8_u128 << 64;
    let members: Vec<_> = (first..first + 10_000).map(u128::to_be_bytes).collect();
    assert_eq!(ours::stored_octets(&revoked_set(&members)), 2_736);
}

#[test]
fn a_snapshot_takes_these_octets_besides_its_set() {
    let ca = Ca::root("Bench CA");
    for count in [1, 10_000] {
        let members = serials(count, 1);
        let set = ours::stored_octets(&revoked_set(&members));
        assert_eq!(
            snapshot(&ca, &members).len() - set,
            287,
            "{count} serial numbers"
        );
    }
}

#[test]
fn the_crls_that_are_measured_have_these_octets() {
    // An ECDSA signature has one octet more or less by chance; 42.5 octets an entry do not.
    let octets = crl(&Ca::root("Bench CA"), &serials(10_000, 1)).len();
    assert!((425_000..426_000).contains(&octets), "{octets}");
}
