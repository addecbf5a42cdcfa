//! The objects: versioned, in memory, with the conditions and checksums as S3 applies them.
//!
//! Every operation holds one lock from its condition to its effect, so a conditional PUT has one
//! winner, as on S3.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::TryStreamExt;
use hyper::body::Bytes;
use hyper::header::{ETAG, HeaderMap, HeaderValue};
use md5::{Digest, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{
    Checksum, ChecksumMode, CommonPrefix, DeleteMarkerEntry, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag, ETagCondition, Error,
    GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput,
    HeadObjectOutput, ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, ObjectIdentifier, ObjectVersion, PutObjectInput, PutObjectOutput,
    Range, StreamingBlob, Timestamp,
};
use s3s::{Body, S3, S3Error, S3Request, S3Response, S3Result, s3_error};
use time::OffsetDateTime;

/// What is called after each object stored.
pub(super) type OnPut = Arc<dyn Fn(&str, &str, &str) + Send + Sync>;

/// Among a request's extensions: it reads what was there before.
#[derive(Clone, Copy)]
pub(super) struct Earlier;

/// The buckets; clones share them.
#[derive(Clone, Default)]
pub(super) struct Store {
    buckets: Arc<Mutex<BTreeMap<String, Bucket>>>,
    on_put: Arc<Mutex<Vec<OnPut>>>,
    last_version: Arc<AtomicU64>,
    unversioned: Arc<Mutex<BTreeSet<String>>>,
}

impl Store {
    pub(super) fn create_bucket(&self, name: &str) {
        self.buckets
            .lock()
            .unwrap()
            .entry(name.to_owned())
            .or_default();
    }

    pub(super) fn create_unversioned_bucket(&self, name: &str) {
        self.create_bucket(name);
        self.unversioned.lock().unwrap().insert(name.to_owned());
    }

    pub(super) fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> String {
        // S3 computes a CRC-64/NVME for what its own services write without a checksum.
        let checksum = checksum_of(
            &bytes,
            ChecksumHasher {
                crc64nvme: Some(Crc64Nvme::new()),
                ..ChecksumHasher::default()
            },
        );
        let version = self.version(bucket, Some(bytes.into()), checksum);
        let etag = version.etag.clone();
        let mut buckets = self.buckets.lock().unwrap();
        let objects = buckets
            .get_mut(bucket)
            .expect("the bucket was created before");
        add(objects.entry(key.to_owned()).or_default(), version);
        drop(buckets);
        self.announce(bucket, key, &etag);
        format!("\"{etag}\"")
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let buckets = self.buckets.lock().unwrap();
        let version = current(buckets.get(bucket)?, key)?;
        version.body.as_ref().map(|body| body.to_vec())
    }

    pub(super) fn versions(&self, bucket: &str, key: &str) -> Vec<Option<Vec<u8>>> {
        let buckets = self.buckets.lock().unwrap();
        let versions = buckets.get(bucket).and_then(|objects| objects.get(key));
        versions
            .into_iter()
            .flatten()
            .map(|version| version.body.as_ref().map(|body| body.to_vec()))
            .collect()
    }

    pub(super) fn remove(&self, bucket: &str, key: &str) {
        let mut buckets = self.buckets.lock().unwrap();
        if let Some(objects) = buckets
            .get_mut(bucket)
            .filter(|objects| objects.contains_key(key))
        {
            let _ = self.delete(bucket, objects, key, None);
        }
    }

    pub(super) fn hold(&self, bucket: &str, key: &str) {
        let mut buckets = self.buckets.lock().unwrap();
        let version = buckets
            .get_mut(bucket)
            .and_then(|objects| objects.get_mut(key)?.last_mut());
        version.expect("the object was put before").is_held = true;
    }

    pub(super) fn etag(&self, bucket: &str, key: &str) -> Option<String> {
        let buckets = self.buckets.lock().unwrap();
        Some(format!("\"{}\"", current(buckets.get(bucket)?, key)?.etag))
    }

    pub(super) fn on_put(&self, callback: OnPut) {
        self.on_put.lock().unwrap().push(callback);
    }

    fn is_versioned(&self, bucket: &str) -> bool {
        !self.unversioned.lock().unwrap().contains(bucket)
    }

    fn version(&self, bucket: &str, body: Option<Bytes>, checksum: Checksum) -> Version {
        let number = self.last_version.fetch_add(1, Ordering::Relaxed) + 1;
        Version {
            id: match self.is_versioned(bucket) {
                true => format!("version{number:016}"),
                false => NULL_VERSION.to_owned(),
            },
            etag: hex(&Md5::digest(body.as_deref().unwrap_or_default())),
            modified: now(),
            checksum,
            is_held: false,
            body,
        }
    }

    /// Deletes a version for ever or, without a version id, sets a delete marker. What has no
    /// versions is deleted for ever in any case.
    fn delete(
        &self,
        bucket: &str,
        objects: &mut Bucket,
        key: &str,
        version_id: Option<String>,
    ) -> S3Result<Deleted> {
        let versions = objects.entry(key.to_owned()).or_default();
        let Some(id) = version_id else {
            let marker = self.is_versioned(bucket);
            let version = self.version(bucket, None, Checksum::default());
            let id = version.id.clone();
            match marker {
                true => versions.push(version),
                false => versions.clear(),
            }
            return Ok(Deleted { id, marker });
        };
        let version = versions.iter().find(|version| version.id == id);
        if version.is_some_and(|version| version.is_held) {
            return Err(s3_error!(
                AccessDenied,
                "Access Denied because object protected by object lock."
            ));
        }
        // A version that is not there counts as deleted.
        let marker = version.is_some_and(|version| version.body.is_none());
        versions.retain(|version| version.id != id);
        Ok(Deleted { id, marker })
    }

    fn announce(&self, bucket: &str, key: &str, etag: &str) {
        let callbacks = self.on_put.lock().unwrap().clone();
        for callback in callbacks {
            callback(bucket, key, etag);
        }
    }

    /// The version a GET or HEAD answers with, conditions already judged.
    fn read(&self, read: &Read<'_>) -> S3Result<Version> {
        let buckets = self.buckets.lock().unwrap();
        let objects = buckets
            .get(read.bucket)
            .ok_or_else(|| s3_error!(NoSuchBucket))?;
        let version = match read.version_id {
            None if read.is_earlier => {
                earlier(objects, read.key).ok_or_else(|| s3_error!(NoSuchKey))?
            }
            None => current(objects, read.key).ok_or_else(|| s3_error!(NoSuchKey))?,
            Some(id) => objects
                .get(read.key)
                .and_then(|versions| versions.iter().find(|version| version.id == id))
                .ok_or_else(|| s3_error!(NoSuchVersion))?,
        };
        if version.body.is_none() {
            // Only an explicit version id leads to a delete marker.
            return Err(s3_error!(MethodNotAllowed));
        }
        read.judge(version)?;
        Ok(version.clone())
    }
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let version = self.read(&Read {
            bucket: &input.bucket,
            key: &input.key,
            version_id: input.version_id.as_deref(),
            is_earlier: request.extensions.get::<Earlier>().is_some(),
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        })?;
        let whole = version.body.clone().unwrap_or_default();
        let (body, content_range) = match input.range {
            None => (whole, None),
            Some(range) => {
                let (body, content_range) = slice(&whole, range)?;
                (body, Some(content_range))
            }
        };
        // S3 has no checksum of a part of an object.
        let asked = input.checksum_mode.as_ref().map(ChecksumMode::as_str);
        let checksum = match (asked, &content_range) {
            (Some(ChecksumMode::ENABLED), None) => version.checksum,
            _ => Checksum::default(),
        };
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(length(&body)),
            body: Some(StreamingBlob::from(Body::from(body))),
            content_range,
            e_tag: Some(ETag::Strong(version.etag)),
            last_modified: Some(version.modified.into()),
            version_id: shown(version.id),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let version = self.read(&Read {
            bucket: &input.bucket,
            key: &input.key,
            version_id: input.version_id.as_deref(),
            is_earlier: request.extensions.get::<Earlier>().is_some(),
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        })?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: version.body.as_ref().map(length),
            e_tag: Some(ETag::Strong(version.etag)),
            last_modified: Some(version.modified.into()),
            version_id: shown(version.id),
            ..HeadObjectOutput::default()
        }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        match self
            .buckets
            .lock()
            .unwrap()
            .contains_key(&request.input.bucket)
        {
            true => Ok(S3Response::new(HeadBucketOutput::default())),
            false => Err(s3_error!(NoSuchBucket)),
        }
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let body = match input.body {
            Some(stream) => received(stream).await?,
            None => Bytes::new(),
        };
        // A checksum comes in the header or, for a streamed body, in the trailer.
        let trailer = |name: &str| {
            let trailers = request.trailing_headers.as_ref()?;
            trailers.read(|headers| headers.get(name)?.to_str().ok().map(str::to_owned))?
        };
        let sent = Checksum {
            checksum_crc32: input
                .checksum_crc32
                .or_else(|| trailer("x-amz-checksum-crc32")),
            checksum_crc32c: input
                .checksum_crc32c
                .or_else(|| trailer("x-amz-checksum-crc32c")),
            checksum_crc64nvme: input
                .checksum_crc64nvme
                .or_else(|| trailer("x-amz-checksum-crc64nvme")),
            checksum_sha1: input
                .checksum_sha1
                .or_else(|| trailer("x-amz-checksum-sha1")),
            checksum_sha256: input
                .checksum_sha256
                .or_else(|| trailer("x-amz-checksum-sha256")),
            ..Checksum::default()
        };
        let checksum = verified(&body, sent)?;
        let md5 = BASE64.encode(Md5::digest(&body));
        if input
            .content_md5
            .is_some_and(|content_md5| content_md5 != md5)
        {
            return Err(s3_error!(BadDigest));
        }

        let version = self.version(&input.bucket, Some(body), checksum.clone());
        let (id, etag) = (version.id.clone(), version.etag.clone());
        {
            let mut buckets = self.buckets.lock().unwrap();
            let objects = buckets
                .get_mut(&input.bucket)
                .ok_or_else(|| s3_error!(NoSuchBucket))?;
            let held = current(objects, &input.key);
            may_write(held, input.if_match.as_ref(), input.if_none_match.as_ref())?;
            add(objects.entry(input.key.clone()).or_default(), version);
        }
        self.announce(&input.bucket, &input.key, &etag);
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(etag)),
            version_id: shown(id),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            ..PutObjectOutput::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        let mut buckets = self.buckets.lock().unwrap();
        let objects = buckets
            .get_mut(&input.bucket)
            .ok_or_else(|| s3_error!(NoSuchBucket))?;
        if input.version_id.is_none() {
            may_write(current(objects, &input.key), input.if_match.as_ref(), None)?;
        }
        let Deleted { id, marker } =
            self.delete(&input.bucket, objects, &input.key, input.version_id)?;
        Ok(S3Response::new(DeleteObjectOutput {
            delete_marker: marker.then_some(true),
            version_id: shown(id),
            ..DeleteObjectOutput::default()
        }))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = request.input;
        if !(1..=MAX_DELETED).contains(&input.delete.objects.len()) {
            return Err(s3_error!(MalformedXML));
        }
        let mut buckets = self.buckets.lock().unwrap();
        let objects = buckets
            .get_mut(&input.bucket)
            .ok_or_else(|| s3_error!(NoSuchBucket))?;
        let mut deleted = Vec::new();
        let mut errors = Vec::new();
        for ObjectIdentifier {
            key, version_id, ..
        } in input.delete.objects
        {
            match self.delete(&input.bucket, objects, &key, version_id.clone()) {
                Ok(Deleted { id, marker }) => deleted.push(DeletedObject {
                    delete_marker: marker.then_some(true),
                    delete_marker_version_id: marker.then_some(id),
                    key: Some(key),
                    version_id,
                }),
                Err(error) => errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    key: Some(key),
                    message: error.message().map(str::to_owned),
                    version_id,
                }),
            }
        }
        let is_quiet = input.delete.quiet.unwrap_or_default();
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: (!is_quiet).then_some(deleted),
            errors: Some(errors),
            ..DeleteObjectsOutput::default()
        }))
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let input = request.input;
        if input.encoding_type.is_some() || input.delimiter.is_some() {
            return Err(s3_error!(NotImplemented, "encoding-type or delimiter"));
        }
        if input.version_id_marker.is_some() && input.key_marker.is_none() {
            return Err(s3_error!(
                InvalidArgument,
                "A version-id marker cannot be specified without a key marker."
            ));
        }
        let buckets = self.buckets.lock().unwrap();
        let objects = buckets
            .get(&input.bucket)
            .ok_or_else(|| s3_error!(NoSuchBucket))?;
        let max_keys = input.max_keys.unwrap_or(MAX_KEYS).clamp(0, MAX_KEYS);
        let limit = usize::try_from(max_keys).unwrap_or_default();
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let key_marker = input.key_marker.as_deref().unwrap_or_default();
        // Of the marker's own key, only what is older than the marker; ids grow with time here.
        let is_after = |key: &str, version: &Version| match &input.version_id_marker {
            Some(id) if key == key_marker => version.id.as_str() < id.as_str(),
            _ => key > key_marker,
        };
        let mut listed = objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .flat_map(|(key, versions)| {
                let newest_first = versions.iter().rev().enumerate();
                newest_first.map(move |(age, version)| (key, version, age == 0))
            })
            .filter(|(key, version, _)| is_after(key, version));
        let page: Vec<_> = listed.by_ref().take(limit).collect();
        let is_truncated = listed.next().is_some();
        let last = page.last().filter(|_| is_truncated);
        let next = last.map(|(key, version, _)| ((*key).clone(), version.id.clone()));
        let (next_key_marker, next_version_id_marker) = next.unzip();
        let mut versions = Vec::new();
        let mut delete_markers = Vec::new();
        for (key, version, is_latest) in page {
            match &version.body {
                Some(body) => versions.push(ObjectVersion {
                    key: Some(key.clone()),
                    version_id: Some(version.id.clone()),
                    is_latest: Some(is_latest),
                    e_tag: Some(ETag::Strong(version.etag.clone())),
                    last_modified: Some(version.modified.into()),
                    size: Some(length(body)),
                    ..ObjectVersion::default()
                }),
                None => delete_markers.push(DeleteMarkerEntry {
                    key: Some(key.clone()),
                    version_id: Some(version.id.clone()),
                    is_latest: Some(is_latest),
                    last_modified: Some(version.modified.into()),
                    ..DeleteMarkerEntry::default()
                }),
            }
        }
        Ok(S3Response::new(ListObjectVersionsOutput {
            name: Some(input.bucket),
            prefix: input.prefix,
            key_marker: input.key_marker,
            version_id_marker: input.version_id_marker,
            max_keys: Some(max_keys),
            is_truncated: Some(is_truncated),
            next_key_marker,
            next_version_id_marker,
            versions: Some(versions),
            delete_markers: Some(delete_markers),
            ..ListObjectVersionsOutput::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        if input.encoding_type.is_some() {
            return Err(s3_error!(NotImplemented, "encoding-type"));
        }
        let buckets = self.buckets.lock().unwrap();
        let objects = buckets
            .get(&input.bucket)
            .ok_or_else(|| s3_error!(NoSuchBucket))?;
        let objects = match request.extensions.get::<Earlier>() {
            Some(Earlier) => &before_the_last_write(objects),
            None => objects,
        };
        let max_keys = input.max_keys.unwrap_or(MAX_KEYS).clamp(0, MAX_KEYS);
        let mut page = Page::after(&input)?;
        let limit = usize::try_from(max_keys).unwrap_or_default();
        let next = page.fill(objects, limit);
        let Page {
            contents,
            common_prefixes,
            ..
        } = page;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            key_count: i32::try_from(contents.len() + common_prefixes.len()).ok(),
            prefix: input.prefix,
            delimiter: input.delimiter,
            max_keys: Some(max_keys),
            start_after: input.start_after,
            continuation_token: input.continuation_token,
            is_truncated: Some(next.is_some()),
            next_continuation_token: next,
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            ..ListObjectsV2Output::default()
        }))
    }
}

type Bucket = BTreeMap<String, Vec<Version>>;

#[derive(Clone)]
struct Version {
    id: String,
    /// Bare, without quotes.
    etag: String,
    modified: OffsetDateTime,
    checksum: Checksum,
    /// Under a legal hold of S3 Object Lock: this version cannot be deleted.
    is_held: bool,
    /// `None` is a delete marker.
    body: Option<Bytes>,
}

/// What a deletion removed, or the delete marker that it set.
struct Deleted {
    id: String,
    marker: bool,
}

/// Makes it the current version.
fn add(versions: &mut Vec<Version>, version: Version) {
    if version.id == NULL_VERSION {
        versions.clear();
    }
    versions.push(version);
}

/// A version id as it is answered: a bucket without versioning has none.
fn shown(id: String) -> Option<String> {
    (id != NULL_VERSION).then_some(id)
}

/// The current version, if the object is not deleted.
fn current<'a>(objects: &'a Bucket, key: &str) -> Option<&'a Version> {
    objects
        .get(key)?
        .last()
        .filter(|version| version.body.is_some())
}

/// The version before the current one, if there was an object then.
fn earlier<'a>(objects: &'a Bucket, key: &str) -> Option<&'a Version> {
    let versions = objects.get(key)?;
    let before = versions.len().checked_sub(2)?;
    versions
        .get(before)
        .filter(|version| version.body.is_some())
}

/// What was in a bucket then, if it keeps versions.
fn before_the_last_write(objects: &Bucket) -> Bucket {
    let mut before = objects.clone();
    // Ids grow with time here.
    let last = before
        .values_mut()
        .filter(|versions| !versions.is_empty())
        .max_by_key(|versions| versions.last().map(|version| version.id.clone()));
    if let Some(versions) = last {
        versions.pop();
    }
    before
}

/// A GET or HEAD: which version, under which conditions.
struct Read<'a> {
    bucket: &'a str,
    key: &'a str,
    version_id: Option<&'a str>,
    /// Whether it is the version before the current one.
    is_earlier: bool,
    if_match: Option<&'a ETagCondition>,
    if_none_match: Option<&'a ETagCondition>,
    if_modified_since: Option<&'a Timestamp>,
    if_unmodified_since: Option<&'a Timestamp>,
}

impl Read<'_> {
    /// RFC 9110 §13.2.2: the ETag conditions come first, and each makes its date be ignored.
    fn judge(&self, version: &Version) -> S3Result {
        // HTTP dates have seconds, so must what they are compared with.
        let modified = version
            .modified
            .replace_nanosecond(0)
            .unwrap_or(version.modified);
        let holds = match (self.if_match, self.if_unmodified_since) {
            (Some(condition), _) => matches(condition, version),
            (None, Some(date)) => modified <= OffsetDateTime::from(date.clone()),
            (None, None) => true,
        };
        if !holds {
            return Err(s3_error!(PreconditionFailed));
        }
        let unchanged = match (self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => matches(condition, version),
            (None, Some(date)) => modified <= OffsetDateTime::from(date.clone()),
            (None, None) => false,
        };
        match unchanged {
            true => Err(not_modified(version)),
            false => Ok(()),
        }
    }
}

fn matches(condition: &ETagCondition, version: &Version) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == version.etag,
    }
}

fn not_modified(version: &Version) -> S3Error {
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::try_from(format!("\"{}\"", version.etag)) {
        headers.insert(ETAG, etag);
    }
    let mut error = s3_error!(NotModified);
    error.set_headers(headers);
    error
}

/// The conditions of a PUT or DELETE.
fn may_write(
    held: Option<&Version>,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result {
    match (if_none_match, held) {
        (None, _) | (Some(ETagCondition::Any), None) => {}
        (Some(ETagCondition::Any), Some(_)) => return Err(s3_error!(PreconditionFailed)),
        (Some(ETagCondition::ETag(_)), _) => {
            return Err(s3_error!(
                NotImplemented,
                "If-None-Match of a PUT takes only *"
            ));
        }
    }
    match (if_match, held) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(s3_error!(NoSuchKey)),
        (Some(condition), Some(version)) if matches(condition, version) => Ok(()),
        (Some(_), Some(_)) => Err(s3_error!(PreconditionFailed)),
    }
}

async fn received(stream: StreamingBlob) -> S3Result<Bytes> {
    let body: Vec<u8> = stream
        .try_fold(Vec::new(), |mut body, chunk| async move {
            body.extend_from_slice(&chunk);
            Ok(body)
        })
        .await
        // The stream fails where the signed payload hash or the length does not match.
        .map_err(|error| s3_error!(IncompleteBody, "{error}"))?;
    Ok(body.into())
}

/// Checks each checksum that was sent, and returns them as computed.
fn verified(body: &[u8], sent: Checksum) -> S3Result<Checksum> {
    let computed = checksum_of(
        body,
        ChecksumHasher {
            crc32: sent.checksum_crc32.as_ref().map(|_| Crc32::new()),
            crc32c: sent.checksum_crc32c.as_ref().map(|_| Crc32c::new()),
            crc64nvme: sent.checksum_crc64nvme.as_ref().map(|_| Crc64Nvme::new()),
            sha1: sent.checksum_sha1.as_ref().map(|_| Sha1::new()),
            sha256: sent.checksum_sha256.as_ref().map(|_| Sha256::new()),
        },
    );
    match computed == sent {
        true => Ok(computed),
        false => Err(s3_error!(BadDigest)),
    }
}

fn checksum_of(body: &[u8], mut hasher: ChecksumHasher) -> Checksum {
    hasher.update(body);
    hasher.finalize()
}

fn slice(whole: &Bytes, range: Range) -> S3Result<(Bytes, String)> {
    let full = u64::try_from(whole.len()).map_err(S3Error::internal_error)?;
    let range = range.check(full).map_err(|_| s3_error!(InvalidRange))?;
    let content_range = format!("bytes {}-{}/{full}", range.start, range.end - 1);
    let start = usize::try_from(range.start).map_err(S3Error::internal_error)?;
    let end = usize::try_from(range.end).map_err(S3Error::internal_error)?;
    Ok((whole.slice(start..end), content_range))
}

/// One page of a listing.
struct Page<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    after: After,
    contents: Vec<Object>,
    common_prefixes: Vec<CommonPrefix>,
}

/// Where a page begins.
enum After {
    Key(String),
    /// After every key that rolls up into this common prefix.
    CommonPrefix(String),
}

impl<'a> Page<'a> {
    fn after(input: &'a ListObjectsV2Input) -> S3Result<Self> {
        let after = match (&input.continuation_token, &input.start_after) {
            (Some(token), _) => After::from_token(token)?,
            (None, Some(key)) => After::Key(key.clone()),
            (None, None) => After::Key(String::new()),
        };
        Ok(Self {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input
                .delimiter
                .as_deref()
                .filter(|delimiter| !delimiter.is_empty()),
            after,
            contents: Vec::new(),
            common_prefixes: Vec::new(),
        })
    }

    /// Fills the page, and returns the token of the next one if there is more.
    fn fill(&mut self, objects: &Bucket, limit: usize) -> Option<String> {
        let mut last = None;
        for (key, version) in objects.iter().filter_map(|(key, versions)| {
            Some((
                key,
                versions.last().filter(|version| version.body.is_some())?,
            ))
        }) {
            let Some(rest) = key.strip_prefix(self.prefix) else {
                continue;
            };
            if self.after.covers(key) {
                continue;
            }
            let rolled_up = self.delimiter.and_then(|delimiter| {
                let end = rest.find(delimiter)? + delimiter.len();
                Some(format!("{}{}", self.prefix, &rest[..end]))
            });
            if let (Some(prefix), Some(After::CommonPrefix(previous))) = (&rolled_up, &last)
                && prefix == previous
            {
                continue;
            }
            if self.contents.len() + self.common_prefixes.len() == limit {
                return last.map(|last: After| last.into_token());
            }
            last = Some(match rolled_up {
                Some(prefix) => {
                    self.common_prefixes.push(CommonPrefix {
                        prefix: Some(prefix.clone()),
                    });
                    After::CommonPrefix(prefix)
                }
                None => {
                    self.contents.push(Object {
                        key: Some(key.clone()),
                        e_tag: Some(ETag::Strong(version.etag.clone())),
                        last_modified: Some(version.modified.into()),
                        size: version.body.as_ref().map(length),
                        ..Object::default()
                    });
                    After::Key(key.clone())
                }
            });
        }
        None
    }
}

impl After {
    fn covers(&self, key: &str) -> bool {
        match self {
            Self::Key(after) => !after.is_empty() && key <= after.as_str(),
            Self::CommonPrefix(after) => key <= after.as_str() || key.starts_with(after.as_str()),
        }
    }

    /// Opaque to clients, as S3's tokens are.
    fn into_token(self) -> String {
        BASE64.encode(match self {
            Self::Key(key) => format!("k{key}"),
            Self::CommonPrefix(prefix) => format!("p{prefix}"),
        })
    }

    fn from_token(token: &str) -> S3Result<Self> {
        let invalid = || {
            s3_error!(
                InvalidArgument,
                "The continuation token provided is incorrect"
            )
        };
        let decoded = BASE64.decode(token).map_err(|_| invalid())?;
        let decoded = String::from_utf8(decoded).map_err(|_| invalid())?;
        match decoded.split_at_checked(1) {
            Some(("k", key)) => Ok(Self::Key(key.to_owned())),
            Some(("p", prefix)) => Ok(Self::CommonPrefix(prefix.to_owned())),
            _ => Err(invalid()),
        }
    }
}

fn length(body: &Bytes) -> i64 {
    i64::try_from(body.len()).unwrap_or(i64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the store is the edge here: Last-Modified is the time of the write"
)]
fn now() -> OffsetDateTime {
    OffsetDateTime::from(std::time::SystemTime::now())
}

const MAX_KEYS: i32 = 1000;
/// How many objects one DeleteObjects takes.
const MAX_DELETED: usize = 1000;

/// The id that a listing gives what was put without versioning.
const NULL_VERSION: &str = "null";
