//! The authorizer one would write first: `aws_config`'s defaults, the typed event, x509-parser, and the
//! serial numbers of one CRL from a JSON object (hexadecimal serial number to date) into a map.

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_lambda_events::apigw::{
    ApiGatewayV2CustomAuthorizerSimpleResponse, ApiGatewayV2CustomAuthorizerV2Request,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use x509_parser::pem::parse_x509_pem;

type Revoked = HashMap<String, String>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let object = aws_sdk_s3::Client::new(&aws)
        .get_object()
        .bucket(std::env::var("SNAPSHOT_BUCKET")?)
        .key(std::env::var("SNAPSHOT_KEY")?)
        .send()
        .await?;
    let revoked: Revoked = serde_json::from_slice(&object.body.collect().await?.into_bytes())?;
    lambda_runtime::tracing::info!(revoked = revoked.len(), "loaded");
    let authorize = async |event: LambdaEvent<ApiGatewayV2CustomAuthorizerV2Request>| {
        authorize(event.payload, &revoked)
    };
    lambda_runtime::run(service_fn(authorize)).await
}

fn authorize(
    event: ApiGatewayV2CustomAuthorizerV2Request,
    revoked: &Revoked,
) -> Result<ApiGatewayV2CustomAuthorizerSimpleResponse<Value>, Error> {
    let client_cert = event
        .request_context
        .authentication
        .and_then(|authentication| authentication.client_cert);
    let pem = client_cert
        .and_then(|client_cert| client_cert.client_cert_pem)
        .ok_or("no client certificate")?;
    let (_, pem) = parse_x509_pem(pem.as_bytes())?;
    let serial = pem.parse_x509()?.tbs_certificate.serial.to_str_radix(16);
    let answer = json!({"isAuthorized": !revoked.contains_key(&serial), "context": {}});
    Ok(serde_json::from_value(answer)?)
}
