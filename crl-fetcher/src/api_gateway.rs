//! The one call to API Gateway's own API: flush what a stage has cached of its authorizers' answers.
//!
//! Two requests without a body are not worth an SDK crate for each kind of API. They go the way that
//! those crates go: the SDK's orchestrator signs, sends, waits and tries again.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;

use crate::caches::{AuthorizerCache, Kind};

/// A client for it.
#[derive(Clone, Debug)]
pub(crate) struct ApiGateway {
    http: Flush,
    rest: Flush,
}

/// From the path of a cache on.
type Flush = Operation<String, (), Refused>;

impl ApiGateway {
    /// By the SDK's own configuration: credentials, region, and the variables for other endpoints.
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self {
            http: operation(config, "ApiGatewayV2", "ResetAuthorizersCache"),
            rest: operation(config, "API Gateway", "FlushStageAuthorizersCache"),
        }
    }

    /// Empties a cache.
    pub(crate) async fn flush(&self, cache: &AuthorizerCache) -> Result<(), FlushError> {
        let operation = match cache.kind {
            Kind::Http => &self.http,
            Kind::Rest => &self.rest,
        };
        let sent = operation.invoke(path(cache)).await;
        sent.map_err(|error| {
            let refused = error.as_service_error().cloned();
            FlushError {
                cache: cache.clone(),
                cause: refused.ok_or_else(|| DisplayErrorContext(&error).to_string()),
            }
        })
    }
}

fn path(cache: &AuthorizerCache) -> String {
    let collection = match cache.kind {
        Kind::Http => "/v2/apis",
        Kind::Rest => "/restapis",
    };
    // Nothing else that a name may have in it needs escaping.
    let (api_id, stage) = (&cache.api_id, cache.stage.replace('$', "%24"));
    format!("{collection}/{api_id}/stages/{stage}/cache/authorizers")
}

/// What comes after the two colons of the ARN that permissions are granted on: without the version.
fn resource(cache: &AuthorizerCache) -> String {
    let collection = match cache.kind {
        Kind::Http => "/apis",
        Kind::Rest => "/restapis",
    };
    let AuthorizerCache { api_id, stage, .. } = cache;
    format!("{collection}/{api_id}/stages/{stage}/cache/authorizers")
}

fn operation(config: &SdkConfig, service_id: &'static str, name: &'static str) -> Flush {
    Operation::builder()
        .service_name(service_id)
        .operation_name(name)
        .endpoint_url(&endpoint(config, service_id))
        .runtime_plugin(signing(config))
        .standard_retry(
            &RetryConfig::standard()
                .with_max_attempts(MAX_ATTEMPTS)
                .with_initial_backoff(FIRST_PAUSE),
        )
        .retry_classifier(TransientErrorClassifier::<Refused>::new())
        .retry_classifier(HttpStatusCodeClassifier::new_from_codes(PASSING))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(2))
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(TIMEOUT)
                .build(),
        )
        .with_connection_poisoning()
        .serializer(|path: String| -> Result<HttpRequest, BoxError> {
            let mut request = HttpRequest::new(SdkBody::empty());
            request.set_method("DELETE")?;
            request.set_uri(path)?;
            Ok(request)
        })
        .deserializer(|response: &HttpResponse| match response.status() {
            status if status.is_success() => Ok(()),
            _ => Err(OrchestratorError::operation(Refused::new(response))),
        })
        .build()
}

/// Signs each attempt anew, with the credentials of that moment.
fn signing(config: &SdkConfig) -> StaticRuntimePlugin {
    let mut settings = Layer::new("signing");
    settings.store_put(SigV4OperationSigningConfig {
        region: config.region().cloned().map(SigningRegion::from),
        name: Some(SigningName::from_static("apigateway")),
        ..SigV4OperationSigningConfig::default()
    });
    settings.store_put(AuthSchemeOptionResolverParams::new(()));
    let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let mut components = RuntimeComponentsBuilder::new("signing")
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme_option_resolver(Some(schemes));
    if let Some(credentials) = config.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, credentials);
    }
    StaticRuntimePlugin::new()
        .with_config(settings.freeze())
        .with_runtime_components(components)
}

/// `AWS_ENDPOINT_URL_APIGATEWAYV2` or `AWS_ENDPOINT_URL_API_GATEWAY`, else `AWS_ENDPOINT_URL`, or what
/// a profile has in their place; else the region's.
fn endpoint(config: &SdkConfig, service_id: &str) -> String {
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let configured = key.ok().and_then(|key| {
        let service_config = config.service_config()?;
        service_config.load_config(key)
    });
    configured
        .or_else(|| config.endpoint_url().map(str::to_owned))
        .unwrap_or_else(|| {
            let region = config.region().map(AsRef::as_ref).unwrap_or_default();
            let domain = match region.starts_with("cn-") {
                true => "amazonaws.com.cn",
                false => "amazonaws.com",
            };
            format!("https://apigateway.{region}.{domain}")
        })
}

/// An answer other than that the cache is flushed.
#[derive(Clone, Debug)]
struct Refused {
    status: u16,
    detail: String,
}

impl Refused {
    fn new(response: &HttpResponse) -> Self {
        let error_type = response.headers().get("x-amzn-errortype");
        let body = response.body().bytes().unwrap_or_default();
        // A proxy on the way may answer with anything: then there is no message, but the status.
        let message = serde_json::from_slice::<serde_json::Value>(body).ok();
        let message = message.and_then(|body| {
            let message = body.get("message").or_else(|| body.get("Message"))?;
            message.as_str().map(str::to_owned)
        });
        let parts = [error_type.map(str::to_owned), message];
        let detail: Vec<_> = parts.into_iter().flatten().collect();
        Self {
            status: response.status().as_u16(),
            detail: detail.join(": "),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.as_str() {
            "" => write!(f, "HTTP status {}", self.status),
            detail => write!(f, "HTTP status {}, {detail}", self.status),
        }
    }
}

impl std::error::Error for Refused {}

/// Why a cache may still hold what it held.
#[derive(Debug)]
pub(crate) struct FlushError {
    cache: AuthorizerCache,
    /// In words, where API Gateway did not answer.
    cause: Result<Refused, String>,
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cache, cause } = self;
        write!(f, "cannot flush the authorizer cache {cache}: ")?;
        let refused = match cause {
            Ok(refused) => refused,
            Err(cause) => return f.write_str(cause),
        };
        write!(f, "{refused}")?;
        match refused.status {
            401 | 403 => {
                let resource = resource(cache);
                write!(f, "; grant the function apigateway:DELETE on {resource}")
            }
            404 => write!(
                f,
                "; there is no such API and stage in this account and region: name those that there \
                 are in AUTHORIZER_CACHES"
            ),
            _ => Ok(()),
        }
    }
}

/// It says so where it is busy or out of order for a moment. All other answers will be the same again.
const PASSING: Cow<'static, [u16]> = Cow::Borrowed(&[429, 500, 502, 503, 504]);

const MAX_ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// For all attempts: whoever waits for the refresh waits for this, too.
const TIMEOUT: Duration = Duration::from_secs(15);
