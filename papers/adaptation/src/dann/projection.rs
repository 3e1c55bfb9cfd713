//! Two principal components, for pictures of representations.

/// Rounds of the iteration; far more than a picture needs.
const ROUNDS: usize = 100;

/// The coordinates of rows `[n, width]` on the two directions in which they vary most, found by orthogonal iteration on
/// their covariance. Signs are those that make the largest component of a direction positive.
pub fn two_components(rows: &[f64], width: usize) -> Vec<(f64, f64)> {
    let width = width.max(1);
    let count = rows.len() / width;
    if count == 0 {
        return Vec::new();
    }
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (mean, value) in mean.iter_mut().zip(row) {
            *mean += value / count as f64;
        }
    }
    let centred: Vec<f64> =
        rows.chunks_exact(width).flat_map(|row| row.iter().zip(&mean).map(|(value, mean)| value - mean)).collect();
    let project = |direction: &[f64]| -> Vec<f64> {
        centred.chunks_exact(width).map(|row| row.iter().zip(direction).map(|(x, d)| x * d).sum()).collect()
    };
    // Any start that is not orthogonal to the directions will do.
    let mut first: Vec<f64> = (0..width).map(|at| 1.0 + 0.3 * (at as f64).sin()).collect();
    let mut second: Vec<f64> = (0..width).map(|at| (1.7 * at as f64).cos()).collect();
    for _ in 0..ROUNDS {
        for direction in [&mut first, &mut second] {
            let scores = project(&direction[..]);
            let mut next = vec![0.0; width];
            for (row, score) in centred.chunks_exact(width).zip(scores) {
                for (next, value) in next.iter_mut().zip(row) {
                    *next += score * value;
                }
            }
            *direction = next;
        }
        normalise(&mut first);
        let overlap: f64 = first.iter().zip(&second).map(|(a, b)| a * b).sum();
        for (second, first) in second.iter_mut().zip(&first) {
            *second -= overlap * first;
        }
        normalise(&mut second);
    }
    project(&first).into_iter().zip(project(&second)).collect()
}

/// Unit length, the largest component positive; zeros stay.
fn normalise(direction: &mut [f64]) {
    let largest = direction.iter().copied().fold(0.0f64, |a, b| if b.abs() > a.abs() { b } else { a });
    let norm = direction.iter().map(|value| value * value).sum::<f64>().sqrt();
    if norm > 0.0 {
        for value in direction {
            *value *= largest.signum() / norm;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_directions_are_found() {
        // Spread 3 along (1, 1, 0)/√2, 1 along the third axis, 0 across.
        let points = [(3.0, 1.0), (-3.0, 1.0), (3.0, -1.0), (-3.0, -1.0), (0.0, 0.0)];
        let root = 0.5f64.sqrt();
        let rows: Vec<f64> = points.iter().flat_map(|(a, b)| [5.0 + a * root, a * root, *b]).collect();
        for (found, want) in two_components(&rows, 3).into_iter().zip(points) {
            assert!((found.0 - want.0).abs() < 1e-9 && (found.1 - want.1).abs() < 1e-9, "{found:?} {want:?}");
        }
    }

    #[test]
    fn what_does_not_vary_stays_at_the_origin() {
        assert_eq!(two_components(&[2.0, 2.0, 2.0, 2.0], 2), [(0.0, 0.0); 2]);
        assert!(two_components(&[], 3).is_empty());
        assert_eq!(two_components(&[1.0, 3.0], 1).len(), 2);
    }
}
