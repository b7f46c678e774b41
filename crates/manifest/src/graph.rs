//! Circles in what waits for what.

/// One circle of every part of the graph that has one, each from its first step in the file.
///
/// `needs[step]` are the steps that a step waits for. Depth-first search without recursion (a chain may have 10,000 steps);
/// a step whose circle has been found is not looked at again, so one knot gives one circle.
pub(crate) fn cycles(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; needs.len()];
    let mark_of = |marks: &[Mark], step: usize| marks.get(step).copied().unwrap_or(Mark::Done);
    let mut found = Vec::new();
    for start in 0..needs.len() {
        if mark_of(&marks, start) != Mark::New {
            continue;
        }
        // Each open step, and the place of the next that it waits for.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        set(&mut marks, start, Mark::Open);
        while let Some((step, next)) = path.last_mut() {
            let Some(&needed) = needs.get(*step).and_then(|needed| needed.get(*next)) else {
                set(&mut marks, *step, Mark::Done);
                path.pop();
                continue;
            };
            *next += 1;
            match mark_of(&marks, needed) {
                Mark::New => {
                    set(&mut marks, needed, Mark::Open);
                    path.push((needed, 0));
                }
                Mark::Open => {
                    let circle: Vec<usize> =
                        path.iter().map(|(step, _)| *step).skip_while(|step| *step != needed).collect();
                    // One knot, one circle: everything on the way to it is done.
                    for (step, _) in path.drain(..) {
                        set(&mut marks, step, Mark::Done);
                    }
                    found.push(from_first(circle));
                }
                Mark::Done => {}
            }
        }
    }
    return found;

    fn set(marks: &mut [Mark], step: usize, mark: Mark) {
        if let Some(place) = marks.get_mut(step) {
            *place = mark;
        }
    }
}

fn from_first(mut circle: Vec<usize>) -> Vec<usize> {
    if let Some(first) = circle.iter().enumerate().min_by_key(|(_, step)| **step).map(|(place, _)| place) {
        circle.rotate_left(first);
    }
    circle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_once() {
        assert_eq!(cycles(&[vec![1], vec![2], vec![0]]), [vec![0, 1, 2]]);
        assert_eq!(cycles(&[vec![0]]), [vec![0]]);
        assert_eq!(cycles(&[vec![1], vec![], vec![3], vec![2]]), [vec![2, 3]]);
        assert!(cycles(&[vec![1, 2], vec![3], vec![3], vec![]]).is_empty());
        let chain: Vec<Vec<usize>> = (0..100_000).map(|step| vec![step + 1]).collect();
        assert!(cycles(&chain).is_empty());
    }
}
