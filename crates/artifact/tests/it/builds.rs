//! The cache of builds.

use std::time::Duration;

use wasmill_artifact::BuildCache;
use wasmill_model::Digest;
use wasmill_unit::HashedBytes;

type Damage = Box<dyn Fn(&mut Vec<u8>)>;

fn key(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

#[test]
fn what_was_built_is_kept_for_the_next_process() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("builds");
    let cache = BuildCache::open(folder.clone()).unwrap();
    assert!(cache.read(&key("a")).is_none());
    cache.store(&key("a"), &HashedBytes::new(&b"unit"[..]));
    let again = BuildCache::open(folder).unwrap();
    let read = again.read(&key("a")).unwrap();
    assert_eq!((&read.bytes()[..], read.digest()), (&b"unit"[..], Digest::of(b"unit")));
    assert!(again.read(&key("b")).is_none());
    assert_eq!((again.entries().unwrap().len(), again.last_failure()), (1, None));
    assert!(again.remove(&key("a")) && again.read(&key("a")).is_none());
}

#[test]
fn what_is_damaged_is_not_there() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("builds");
    let cache = BuildCache::open(folder.clone()).unwrap();
    let path = folder.join(format!("{}.build", key("a")));
    let mut damages: Vec<Damage> = vec![
        Box::new(Vec::clear),
        Box::new(|bytes| bytes.truncate(20)),
        Box::new(|bytes| bytes.truncate(bytes.len() - 1)),
        Box::new(|bytes| bytes.push(0)),
    ];
    // A bit anywhere: of the magic, the time, the seal, the contents.
    damages.extend([0, 9, 17, 50].map(|place| Box::new(move |bytes: &mut Vec<u8>| bytes[place] ^= 4) as Damage));
    for damage in damages {
        cache.store(&key("a"), &HashedBytes::new(&b"unit"[..]));
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        assert!(cache.read(&key("a")).is_none());
        assert!(!path.exists());
    }
    cache.store(&key("a"), &HashedBytes::new(&b"unit"[..]));
    cache.store(&key("b"), &HashedBytes::new(&b"unit"[..]));
    std::fs::write(&path, b"nonsense").unwrap();
    let verified = cache.verify().unwrap();
    assert_eq!((verified.good, verified.damaged.len()), (1, 1));
}

#[test]
fn builds_grow_old_and_make_room() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("builds");
    let cache = BuildCache::open(folder.clone()).unwrap();
    cache.store(&key("a"), &HashedBytes::new(&b"unit"[..]));
    let hasty = BuildCache::open_with(folder.clone(), BuildCache::CAPACITY, Some(Duration::from_nanos(1))).unwrap();
    assert!(hasty.read(&key("a")).is_none(), "it is older than that");
    let patient = BuildCache::open_with(folder.clone(), BuildCache::CAPACITY, Some(Duration::from_secs(3600))).unwrap();
    patient.store(&key("a"), &HashedBytes::new(&b"unit"[..]));
    assert!(patient.read(&key("a")).is_some());
    let small = BuildCache::open_with(folder, 1_000, None).unwrap();
    for name in ["b", "c", "d"] {
        small.store(&key(name), &HashedBytes::new(vec![7; 600]));
    }
    assert!(small.read(&key("d")).is_some());
    let total: u64 = small.entries().unwrap().iter().map(|entry| entry.size).sum();
    assert!(total <= 1_000, "{total}");
}

#[test]
fn a_turn_is_waited_for() {
    let parent = tempfile::tempdir().unwrap();
    let cache = BuildCache::open(parent.path().join("builds")).unwrap();
    let building = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let _turn = cache.lock(&key("a"));
                assert_eq!(building.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                std::thread::yield_now();
                building.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            });
        }
    });
    assert_eq!(cache.last_failure(), None);
}
