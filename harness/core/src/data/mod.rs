//! stub
/// stub
#[derive(Debug, Clone)]
pub struct CachedSet {
    /// id
    pub id: String,
    /// digest
    pub digest: String,
}
