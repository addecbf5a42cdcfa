//! The information-theoretic bound: how many octets any exact set of serial numbers must take.

use std::f64::consts::{LN_2, PI};

/// `log2 C(2^128, n) / 8n`: the octets for each of `count` random 16-octet numbers below which no
/// encoding can go on average. Exact to about 12 digits; 0 for none.
///
/// `C(2^128, n)` is `2^(128 n) / n!` but for a factor of at most `1 - n^2 / 2^129`, which is 1 in
/// floating point for any number of certificates.
pub fn octets_per_serial(count: u32) -> f64 {
    if count == 0 {
        return 0.0;
    }
    let count = f64::from(count);
    (128.0 - ln_factorial(count) / LN_2 / count) / 8.0
}

/// Stirling's series; from 16 on its next term is below 10^-12.
fn ln_factorial(n: f64) -> f64 {
    if n < 16.0 {
        let mut factor = n;
        let mut sum = 0.0;
        while factor > 1.0 {
            sum += factor.ln();
            factor -= 1.0;
        }
        return sum;
    }
    let correction = 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3)) + 1.0 / (1260.0 * n.powi(5));
    n * n.ln() - n + (2.0 * PI * n).ln() / 2.0 + correction
}

#[cfg(test)]
mod tests {
    use super::octets_per_serial;

    /// The definition, factor by factor: C(N, n) is the product of (N - i) / (i + 1).
    fn factor_by_factor(count: u32) -> f64 {
        let bits: f64 = (0..count)
            .map(f64::from)
            .map(|i| ((2.0_f64.powi(128) - i) / (i + 1.0)).log2())
            .sum();
        bits / 8.0 / f64::from(count)
    }

    #[test]
    fn the_bound_is_its_definition_for_small_sets() {
        for count in [1, 2, 3, 15, 16, 17, 100, 1_000, 100_000] {
            let (series, exact) = (octets_per_serial(count), factor_by_factor(count));
            assert!(
                (series / exact - 1.0).abs() < 1e-11,
                "{count}: {series}, {exact}"
            );
        }
        // One number of 128 bits is one of 2^128; of two, the order tells nothing: one bit less.
        assert_eq!(octets_per_serial(1), 16.0);
        assert_eq!(octets_per_serial(2), (128.0 - 0.5) / 8.0);
    }

    #[test]
    fn the_bound_falls_as_sets_grow() {
        let bounds = [10_000, 1_000_000, 10_000_000, 100_000_000].map(octets_per_serial);
        let expected = [14.519, 13.689, 13.274, 12.858];
        for (bound, expected) in bounds.into_iter().zip(expected) {
            assert!((bound - expected).abs() < 0.0006, "{bound}, {expected}");
        }
        assert_eq!(octets_per_serial(0), 0.0);
    }
}
