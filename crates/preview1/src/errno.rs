//! Preview 1's errors.

/// An error as a guest sees it: its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Errno(u16);

#[allow(dead_code, reason = "where there are no folders, some have no use")]
impl Errno {
    pub(super) const SUCCESS: Errno = Errno(0);
    pub(super) const ACCES: Errno = Errno(2);
    pub(super) const ALREADY: Errno = Errno(7);
    pub(super) const BADF: Errno = Errno(8);
    pub(super) const BUSY: Errno = Errno(10);
    pub(super) const EXIST: Errno = Errno(20);
    pub(super) const FBIG: Errno = Errno(22);
    pub(super) const ILSEQ: Errno = Errno(25);
    pub(super) const INPROGRESS: Errno = Errno(26);
    pub(super) const INTR: Errno = Errno(27);
    pub(super) const INVAL: Errno = Errno(28);
    pub(super) const IO: Errno = Errno(29);
    pub(super) const ISDIR: Errno = Errno(31);
    pub(super) const LOOP: Errno = Errno(32);
    pub(super) const MLINK: Errno = Errno(34);
    pub(super) const NAMETOOLONG: Errno = Errno(37);
    pub(super) const NOENT: Errno = Errno(44);
    pub(super) const NOMEM: Errno = Errno(48);
    pub(super) const NOSPC: Errno = Errno(51);
    pub(super) const NOTDIR: Errno = Errno(54);
    pub(super) const NOTEMPTY: Errno = Errno(55);
    pub(super) const NOTSOCK: Errno = Errno(57);
    pub(super) const NOTSUP: Errno = Errno(58);
    pub(super) const OVERFLOW: Errno = Errno(61);
    pub(super) const PERM: Errno = Errno(63);
    pub(super) const PIPE: Errno = Errno(64);
    pub(super) const SPIPE: Errno = Errno(70);

    /// What a function returns.
    pub(super) fn code(self) -> i32 {
        i32::from(self.0)
    }
}
