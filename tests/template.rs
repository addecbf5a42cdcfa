//! `template.yaml` agrees with the code, and says the values that no linter looks at.
//!
//! Linters check types and spelling of plain CloudFormation. They pass any TLS policy and any
//! schedule, and cannot know what a binary reads from its environment. Those are compared here, whole
//! mappings at a time, so that an addition is as visible as a loss.
//!
//! This is about the template as it is written, and needs nothing but cargo. What stacks come out of
//! it, for each combination of parameters, is in `.ci/check_template.py`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a template that lacks what is looked up is what these tests are to fail on"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use authorizer::decision::Reason;
use environment::emf;
// Of serde_yaml's successors the one the YAML organization keeps; its Value holds tags like !Ref.
use yaml_serde::Value;

#[test]
fn crl_fetcher_is_given_the_variables_it_reads_and_no_other() {
    assert_eq!(
        environment("CrlFetcher"),
        names(crl_fetcher::config::VARIABLES)
    );
}

#[test]
fn authorizer_is_given_the_variables_it_reads_and_no_other() {
    assert_eq!(
        environment("Authorizer"),
        names(authorizer::config::VARIABLES)
    );
}

/// Otherwise both run, and the authorizer waits for ever for what is written elsewhere.
#[test]
fn the_functions_meet_at_one_snapshot() {
    let template = template();
    for function in ["CrlFetcher", "Authorizer"] {
        let variables = at(
            &template,
            &format!("Resources.{function}.Properties.Environment.Variables"),
        );
        assert_eq!(
            variables["SNAPSHOT_BUCKET"],
            yaml("!Ref SnapshotBucket"),
            "{function}"
        );
        assert_eq!(variables["SNAPSHOT_KEY"], yaml(SNAPSHOT_KEY), "{function}");
    }
}

#[test]
fn each_judgement_fails_closed_unless_told_otherwise() {
    let template = template();
    for (variable, parameter, default, others) in [
        ("MODE", "Mode", "enforce", "[enforce, shadow]"),
        (
            "ON_UNKNOWN_ISSUER",
            "OnUnknownIssuer",
            "deny",
            "[deny, allow]",
        ),
        (
            "ON_ISSUER_WITHOUT_CRL",
            "OnIssuerWithoutCrl",
            "deny",
            "[deny, allow]",
        ),
        (
            "ON_MISSING_PARTITION",
            "OnMissingPartition",
            "deny",
            "[deny, allow]",
        ),
        ("ON_EXPIRED_CRL", "OnExpiredCrl", "deny", "[deny, allow]"),
        (
            "ON_ISSUER_STATUS_UNKNOWN",
            "OnIssuerStatusUnknown",
            "deny",
            "[deny, allow]",
        ),
    ] {
        assert_eq!(
            at(
                &template,
                &format!("Resources.Authorizer.Properties.Environment.Variables.{variable}")
            ),
            &yaml(&format!("!Ref {parameter}")),
            "{variable}"
        );
        assert_eq!(
            at(&template, &format!("Parameters.{parameter}.Default")),
            &yaml(default),
            "{variable}"
        );
        assert_eq!(
            at(&template, &format!("Parameters.{parameter}.AllowedValues")),
            &yaml(others),
            "{variable}"
        );
    }
}

/// A binary that does not exist fails in `sam build`; one that is built from the workspace's root
/// does not, but carries the features of every other member.
#[test]
fn every_function_is_a_binary_of_the_member_its_code_uri_names() {
    let members = members();
    let template = template();
    let functions = of_type(&template, "AWS::Serverless::Function");
    assert_eq!(
        functions
            .iter()
            .map(|(name, _)| *name)
            .collect::<BTreeSet<_>>(),
        BTreeSet::from(["Authorizer", "CrlFetcher", "SampleApi", "TruststoreWriter"])
    );
    for (name, function) in functions {
        assert_eq!(
            at(function, "Metadata.BuildMethod"),
            &yaml("rust-cargolambda"),
            "{name}"
        );
        let code = text(at(function, "Properties.CodeUri"));
        let binary = text(at(function, "Metadata.BuildProperties.Binary"));
        let folder = root().join(code).canonicalize();
        let folder = folder.unwrap_or_else(|e| panic!("{name}: {code}: {e}"));
        assert!(
            members.contains(&(folder, binary.to_owned())),
            "{name}: no member in {code} has a binary {binary}: {members:?}"
        );
    }
}

#[test]
fn functions_run_on_amazon_linux_with_the_architecture_asked_for() {
    assert_eq!(
        at(&template(), "Globals.Function"),
        &yaml(
            "
            Runtime: provided.al2023
            Handler: bootstrap
            Architectures: [!Ref Architecture]
            LoggingConfig:
              LogFormat: JSON
              ApplicationLogLevel: !Ref LogLevel
            "
        )
    );
    assert_eq!(
        at(&template(), "Parameters.Architecture.AllowedValues"),
        &yaml("[arm64, x86_64]")
    );
}

/// API Gateway waits 10 s for an authorizer and then answers 500 with nobody's log line.
#[test]
fn authorizer_ends_before_api_gateway_gives_up() {
    let template = template();
    let timeout = at(&template, "Resources.Authorizer.Properties.Timeout");
    let seconds = timeout.as_u64().unwrap();
    assert!((1..10).contains(&seconds), "{seconds} s");
}

#[test]
fn fetcher_has_room_for_the_crls_it_may_hold_at_once() {
    let template = template();
    let fetcher = at(&template, "Resources.CrlFetcher.Properties");
    let number = |name: &str| -> u64 {
        text(at(fetcher, &format!("Environment.Variables.{name}")))
            .parse()
            .unwrap()
    };
    let held = number("MAX_CRL_BYTES") * number("MAX_CONCURRENT_GETS");
    let memory = at(fetcher, "MemorySize").as_u64().unwrap() * 1024 * 1024;
    assert!(
        held * 2 <= memory,
        "{held} bytes of CRLs in {memory} bytes of memory"
    );
}

#[test]
fn http_api_asks_the_authorizer_as_it_answers() {
    let template = template();
    assert_eq!(
        at(&template, "Resources.RevocationAuthorizer.Properties"),
        &yaml(&format!(
            r#"
            ApiId: !Ref HttpApi
            Name: revocation
            AuthorizerType: REQUEST
            AuthorizerPayloadFormatVersion: "2.0"
            AuthorizerUri: {ALIAS_URI}
            EnableSimpleResponses: !If [SimpleResponses, true, false]
            AuthorizerResultTtlInSeconds: !Ref AuthorizerCacheSeconds
            IdentitySource: !If
              - CacheDecisions
              - [$context.identity.clientCert.clientCertPem]
              - !Ref AWS::NoValue
            "#
        ))
    );
    // The same parameter on both sides, simple by default.
    assert_eq!(
        at(&template, "Conditions.SimpleResponses"),
        &yaml("!Equals [!Ref ResponseFormat, simple]")
    );
    assert_eq!(
        at(
            &template,
            "Resources.Authorizer.Properties.Environment.Variables.RESPONSE_FORMAT"
        ),
        &yaml("!Ref ResponseFormat")
    );
    assert_eq!(
        at(&template, "Parameters.ResponseFormat.Default"),
        &yaml("simple")
    );
    assert_eq!(
        at(&template, "Parameters.ResponseFormat.AllowedValues"),
        &yaml("[simple, iam]")
    );
}

/// Deployed with each deployment of the stack: SAM does not see that a parameter has another value.
#[test]
fn rest_api_asks_the_authorizer_too() {
    let template = template();
    let api = at(&template, "Resources.RestApi.Properties");
    assert_eq!(at(api, "AlwaysDeploy"), &Value::Bool(true));
    assert_eq!(
        at(
            api,
            "DefinitionBody.components.securitySchemes.revocation.x-amazon-apigateway-authorizer"
        ),
        &yaml(&format!(
            "
            type: request
            authorizerUri: {ALIAS_URI}
            authorizerResultTtlInSeconds: !Ref AuthorizerCacheSeconds
            identitySource: !If
              - CacheDecisions
              - context.identity.clientCert.clientCertPem
              - !Ref AWS::NoValue
            "
        ))
    );
}

/// A revoked client must not be let in by an answer that is a minute old, unless somebody asked for
/// that.
#[test]
fn decisions_are_not_cached_unless_told_to() {
    let template = template();
    assert_eq!(
        at(&template, "Parameters.AuthorizerCacheSeconds.Default"),
        &yaml("0")
    );
    assert_eq!(
        at(&template, "Conditions.CacheDecisions"),
        &yaml("!Not [!Equals [!Ref AuthorizerCacheSeconds, 0]]")
    );
}

#[test]
fn the_only_way_in_is_mutual_tls() {
    let template = template();
    for kind in ["AWS::ApiGatewayV2::Api", "AWS::Serverless::Api"] {
        let apis = of_type(&template, kind);
        assert_eq!(apis.len(), 1, "{kind}");
        assert_eq!(
            at(apis[0].1, "Properties.DisableExecuteApiEndpoint"),
            &Value::Bool(true),
            "{kind}"
        );
    }
    let domains = of_type(&template, "AWS::ApiGatewayV2::DomainName");
    assert_eq!(domains.len(), 1);
    assert_eq!(
        at(domains[0].1, "Properties"),
        &yaml(
            "
            DomainName: !Ref DomainName
            DomainNameConfigurations:
              - CertificateArn: !Ref ServerCertificate
                EndpointType: REGIONAL
                SecurityPolicy: TLS_1_2
            MutualTlsAuthentication:
              TruststoreUri: !If
                - CreateCas
                - !GetAtt Truststore.Uri
                - !Sub s3://${ExistingTruststoreBucket}/${TruststoreKey}
              TruststoreVersion: !If
                - CreateCas
                - !GetAtt Truststore.Version
                - !If [PinTruststoreVersion, !Ref TruststoreVersion, !Ref AWS::NoValue]
            "
        )
    );
}

/// One route of the HTTP API, two methods of the REST API, and no event of a function: SAM would
/// make routes of those, with an authorizer or without.
#[test]
fn every_request_meets_the_authorizer() {
    let template = template();
    let routes = of_type(&template, "AWS::ApiGatewayV2::Route");
    assert_eq!(routes.len(), 1);
    assert_eq!(
        at(routes[0].1, "Properties"),
        &yaml(
            "
            ApiId: !Ref HttpApi
            RouteKey: $default
            AuthorizationType: CUSTOM
            AuthorizerId: !Ref RevocationAuthorizer
            Target: !Sub integrations/${SampleIntegration}
            "
        )
    );
    let paths = at(
        &template,
        "Resources.RestApi.Properties.DefinitionBody.paths",
    );
    let paths = paths.as_mapping().unwrap();
    assert_eq!(
        paths.keys().map(text).collect::<Vec<_>>(),
        ["/", "/{proxy+}"]
    );
    for (path, methods) in paths {
        let methods = methods.as_mapping().unwrap();
        assert_eq!(
            methods.keys().map(text).collect::<Vec<_>>(),
            ["x-amazon-apigateway-any-method"],
            "{path:?}"
        );
        assert_eq!(
            methods["x-amazon-apigateway-any-method"]["security"],
            yaml("[revocation: []]"),
            "{path:?}"
        );
    }
    for (name, function) in of_type(&template, "AWS::Serverless::Function") {
        let events = function["Properties"].get("Events");
        for (event, definition) in events.and_then(Value::as_mapping).into_iter().flatten() {
            let kind = text(&definition["Type"]);
            assert!(
                ["EventBridgeRule", "ScheduleV2"].contains(&kind),
                "{name} {event:?}: {kind}"
            );
        }
    }
}

#[test]
fn fetcher_runs_on_a_schedule_that_the_scheduler_accepts() {
    let template = template();
    assert_eq!(
        at(&template, "Resources.CrlFetcher.Properties.Events.Schedule"),
        &yaml(
            r#"
            Type: ScheduleV2
            Properties:
              Description: Look at every CRL, announced or not
              OmitName: true
              ScheduleExpression: !Ref RefreshSchedule
              FlexibleTimeWindow:
                Mode: "OFF"
              RetryPolicy:
                MaximumEventAgeInSeconds: 300
                MaximumRetryAttempts: 2
              DeadLetterConfig:
                Arn: !GetAtt RefreshFailures.Arn
            "#
        )
    );
    let expression = text(at(&template, "Parameters.RefreshSchedule.Default"));
    assert!(is_rate(expression), "{expression}");
}

/// `rate(5 minute)` and `rate(1 minutes)` pass every linter and fail the deployment.
#[test]
fn a_rate_agrees_with_its_unit_in_number() {
    for good in [
        "rate(1 minute)",
        "rate(5 minutes)",
        "rate(1 day)",
        "rate(12 hours)",
    ] {
        assert!(is_rate(good), "{good}");
    }
    for bad in [
        "rate(5 minute)",
        "rate(1 minutes)",
        "rate(0 minutes)",
        "rate(5 seconds)",
        "rate(5m)",
        "5 minutes",
    ] {
        assert!(!is_rate(bad), "{bad}");
    }
}

#[test]
fn fetcher_runs_when_a_crl_is_written() {
    let template = template();
    let bucket = "!If [CreateCrlBucket, !Ref CrlBucket, !Ref ExistingCrlBucket]";
    let fetcher = at(&template, "Resources.CrlFetcher.Properties");
    assert_eq!(
        at(fetcher, "Events.CrlWritten.Type"),
        &yaml("EventBridgeRule")
    );
    assert_eq!(
        at(fetcher, "Events.CrlWritten.Properties.Pattern"),
        &yaml(&format!(
            "
            source: [aws.s3]
            detail-type: [Object Created]
            detail:
              bucket:
                name: [{bucket}]
              object:
                key: [suffix: .crl]
            "
        ))
    );
    assert_eq!(
        at(fetcher, "Environment.Variables.CRL_BUCKET"),
        &yaml(bucket)
    );
    assert_eq!(
        at(
            &template,
            "Resources.CrlBucket.Properties.NotificationConfiguration"
        ),
        &yaml("EventBridgeConfiguration: {EventBridgeEnabled: true}")
    );
}

#[test]
fn fetcher_runs_when_overrides_are_written() {
    let template = template();
    let fetcher = at(&template, "Resources.CrlFetcher.Properties");
    assert_eq!(
        at(fetcher, "Events.OverridesWritten.Properties.Pattern"),
        &yaml(
            "
            source: [aws.s3]
            detail-type: [Object Created]
            detail:
              bucket:
                name: [!Ref SnapshotBucket]
              object:
                key: [overrides/overrides.json]
            "
        )
    );
    let variables = at(fetcher, "Environment.Variables");
    assert_eq!(variables["OVERRIDES_BUCKET"], yaml("!Ref SnapshotBucket"));
    let key = yaml("overrides/overrides.json");
    assert_eq!(variables["OVERRIDES_KEY"], key);
}

/// What the function counts as its own accounts is what the rule lets through.
#[test]
fn fetcher_runs_when_a_certificate_is_revoked() {
    let template = template();
    let fetcher = at(&template, "Resources.CrlFetcher.Properties");
    assert_eq!(
        at(fetcher, "Events.CertificateRevoked"),
        &yaml(
            r#"
            Type: EventBridgeRule
            Properties:
              Pattern:
                source: [aws.acm-pca]
                detail-type: [ACM Private CA Certificate Revocation]
                account: !If [NameCaAccounts, !Split [",", !Ref CaAccounts], [!Ref AWS::AccountId]]
                resources: !If
                  - CreateCas
                  - [!Ref RootCa, !Ref MtlsCa]
                  - !If [PrivateCa, !Split [",", !Ref ExistingCaArns], !Ref AWS::NoValue]
                detail:
                  result: [success]
              RetryPolicy:
                MaximumEventAgeInSeconds: 86400
                MaximumRetryAttempts: 185
              DeadLetterConfig:
                Arn: !GetAtt RefreshFailures.Arn
            "#
        )
    );
    for (variable, value) in [
        (
            "CA_ACCOUNTS",
            "!If [NameCaAccounts, !Ref CaAccounts, !Ref AWS::AccountId]",
        ),
        ("CA_KEY_IDS", "!Ref CaKeyIds"),
        ("ANNOUNCEMENT_KEEP_DAYS", "!Ref AnnouncementKeepDays"),
        ("UNCONFIRMED_AFTER_SECONDS", "!Ref UnconfirmedAfterSeconds"),
    ] {
        let variables = at(fetcher, "Environment.Variables");
        assert_eq!(variables[variable], yaml(value), "{variable}");
    }
    assert_eq!(
        at(&template, "Conditions.NameCaAccounts"),
        &yaml(r#"!Not [!Equals [!Ref CaAccounts, ""]]"#)
    );
}

/// A parameter left as it is, is the variable left out; and its bounds are the function's.
#[test]
fn announcements_are_kept_as_long_as_the_function_says_by_default() {
    let template = template();
    let config = |days: &str, seconds: &str| {
        let (days, seconds) = (days.to_owned(), seconds.to_owned());
        crl_fetcher::config::Config::from_environment(&move |name| match name {
            "ANNOUNCEMENT_KEEP_DAYS" => Some(days.clone()),
            "UNCONFIRMED_AFTER_SECONDS" => Some(seconds.clone()),
            name if name.ends_with("_BUCKET") => Some(name.to_owned()),
            _ => None,
        })
    };
    let bound = |parameter: &str, bound: &str, beyond: i64| {
        let number = at(&template, &format!("Parameters.{parameter}.{bound}"));
        (number.as_i64().unwrap() + beyond).to_string()
    };
    let days = |name, beyond| bound("AnnouncementKeepDays", name, beyond);
    let seconds = |name, beyond| bound("UnconfirmedAfterSeconds", name, beyond);
    assert_eq!(
        config(&days("Default", 0), &seconds("Default", 0)),
        config("", "")
    );
    for (name, outwards) in [("MinValue", -1), ("MaxValue", 1)] {
        let within = config(&days(name, 0), &seconds(name, 0));
        assert!(within.is_ok(), "{name}: {within:?}");
        let problems = config(&days(name, outwards), &seconds(name, outwards));
        assert_eq!(problems.unwrap_err().problems.len(), 2, "{name}");
    }
}

#[test]
fn refreshes_that_fail_for_good_end_in_the_queue() {
    let template = template();
    let fetcher = at(&template, "Resources.CrlFetcher.Properties");
    let queue = yaml("!GetAtt RefreshFailures.Arn");
    assert_eq!(
        at(fetcher, "EventInvokeConfig.DestinationConfig.OnFailure"),
        &yaml("{Type: SQS, Destination: !GetAtt RefreshFailures.Arn}")
    );
    for event in ["Schedule", "CrlWritten", "CertificateRevoked"] {
        assert_eq!(
            at(
                fetcher,
                &format!("Events.{event}.Properties.DeadLetterConfig.Arn")
            ),
            &queue,
            "{event}"
        );
    }
    // A rule sends with the queue's leave, not with a role of its own.
    assert_eq!(
        at(
            &template,
            "Resources.RefreshFailuresPolicy.Properties.PolicyDocument.Statement"
        )[0],
        yaml(
            "
            Sid: RulesReport
            Effect: Allow
            Principal: {Service: events.amazonaws.com}
            Action: sqs:SendMessage
            Resource: !GetAtt RefreshFailures.Arn
            Condition:
              ArnLike:
                aws:SourceArn:
                  - !GetAtt CrlFetcherCrlWritten.Arn
                  - !GetAtt CrlFetcherOverridesWritten.Arn
                  - !GetAtt CrlFetcherCertificateRevoked.Arn
                  - !If [PrivateCa, !GetAtt CrlGenerationFailed.Arn, !Ref AWS::NoValue]
            "
        )
    );
}

#[test]
fn fetcher_may_do_what_it_does_and_no_more() {
    let template = template();
    let bucket = "!If [CreateCrlBucket, !Ref CrlBucket, !Ref ExistingCrlBucket]";
    assert_eq!(
        at(&template, "Resources.CrlFetcher.Properties.Policies"),
        &yaml(&format!(
            r#"
            - Version: "2012-10-17"
              Statement:
                - Sid: ReadTruststore
                  Effect: Allow
                  Action: s3:GetObject
                  Resource: !Sub
                    - arn:${{AWS::Partition}}:s3:::${{Bucket}}/${{TruststoreKey}}
                    - Bucket: !If [CreateCas, !Ref TruststoreBucket, !Ref ExistingTruststoreBucket]
                - Sid: ListCrls
                  Effect: Allow
                  Action: s3:ListBucket
                  Resource: !Sub
                    - arn:${{AWS::Partition}}:s3:::${{Bucket}}
                    - Bucket: {bucket}
                  Condition:
                    StringLike:
                      s3:prefix: !Sub ${{CrlPrefix}}*
                - Sid: ReadCrls
                  Effect: Allow
                  Action: s3:GetObject
                  Resource: !Sub
                    - arn:${{AWS::Partition}}:s3:::${{Bucket}}/${{CrlPrefix}}*
                    - Bucket: {bucket}
                - Sid: PublishSnapshot
                  Effect: Allow
                  Action: [s3:GetObject, s3:PutObject]
                  Resource: !Sub ${{SnapshotBucket.Arn}}/{SNAPSHOT_KEY}
                - Sid: ReadOverrides
                  Effect: Allow
                  Action: s3:GetObject
                  Resource: !Sub ${{SnapshotBucket.Arn}}/overrides/overrides.json
                - Sid: TellMissingFromForbidden
                  Effect: Allow
                  Action: s3:ListBucket
                  Resource: !GetAtt SnapshotBucket.Arn
                - !If
                  - CacheDecisions
                  - Sid: FlushAuthorizerCache
                    Effect: Allow
                    Action: apigateway:DELETE
                    Resource: !Sub
                      - arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}::/${{Apis}}/${{Api}}/stages/${{Stage}}/cache/authorizers
                      - Apis: !If [ForHttpApi, apis, restapis]
                        Api: {CACHING_API}
                        Stage: {CACHING_STAGE}
                  - !Ref AWS::NoValue
                - !If
                  - CacheDecisions
                  - Sid: NoteFlushes
                    Effect: Allow
                    Action: [s3:GetObject, s3:PutObject]
                    Resource: !Sub ${{SnapshotBucket.Arn}}/{SNAPSHOT_KEY}.flushed
                  - !Ref AWS::NoValue
            "#
        ))
    );
}

const CACHING_API: &str =
    "!If [CreateHttpApi, !Ref HttpApi, !If [CreateRestApi, !Ref RestApi, !Ref ExistingApiId]]";
const CACHING_STAGE: &str =
    "!If [CreateHttpApi, $default, !If [CreateRestApi, live, !Ref ExistingApiStage]]";

/// And for as long as the authorizer may decide without the revocation, again and again.
#[test]
fn what_is_cached_is_flushed() {
    let template = template();
    let variables = at(
        &template,
        "Resources.CrlFetcher.Properties.Environment.Variables",
    );
    assert_eq!(
        variables["AUTHORIZER_CACHES"],
        yaml(&format!(
            r#"
            !If
            - CacheDecisions
            - !Sub
              - ${{Kind}}:${{Api}}/${{Stage}}
              - Kind: !If [ForHttpApi, http, rest]
                Api: {CACHING_API}
                Stage: {CACHING_STAGE}
            - ""
            "#
        ))
    );
    assert_eq!(
        at(&template, "Resources.HttpApiStage.Properties.StageName"),
        &yaml("$default")
    );
    assert_eq!(
        at(&template, "Resources.RestApi.Properties.StageName"),
        &yaml("live")
    );
    let hard_age = at(
        &template,
        "Resources.Authorizer.Properties.Environment.Variables.SNAPSHOT_HARD_AGE_SECONDS",
    );
    assert_eq!(&variables["SNAPSHOT_HARD_AGE_SECONDS"], hard_age);
}

#[test]
fn authorizer_may_read_the_snapshot_and_nothing_else() {
    assert_eq!(
        at(&template(), "Resources.Authorizer.Properties.Policies"),
        &yaml(&format!(
            r#"
            - Version: "2012-10-17"
              Statement:
                - Sid: ReadSnapshot
                  Effect: Allow
                  Action: s3:GetObject
                  Resource: !Sub ${{SnapshotBucket.Arn}}/{SNAPSHOT_KEY}
            "#
        ))
    );
}

/// It reads no variables of ours: CloudFormation tells it everything.
#[test]
fn truststore_writer_may_write_the_truststore_and_nothing_else() {
    let template = template();
    let writer = at(&template, "Resources.TruststoreWriter.Properties");
    assert_eq!(writer.get("Environment"), None);
    assert_eq!(
        at(writer, "Policies"),
        &yaml(
            r#"
            - Version: "2012-10-17"
              Statement:
                - Sid: WriteTruststore
                  Effect: Allow
                  Action:
                    - s3:DeleteObjectVersion
                    - s3:GetObject
                    - s3:PutObject
                  Resource: !Sub ${TruststoreBucket.Arn}/${TruststoreKey}
                - Sid: FindVersions
                  Effect: Allow
                  Action: s3:ListBucketVersions
                  Resource: !GetAtt TruststoreBucket.Arn
                  Condition:
                    StringEquals:
                      s3:prefix: !Ref TruststoreKey
                - Sid: TellMissingFromForbidden
                  Effect: Allow
                  Action: s3:ListBucket
                  Resource: !GetAtt TruststoreBucket.Arn
            "#
        )
    );
}

#[test]
fn sample_api_is_given_nothing() {
    let template = template();
    let properties = at(&template, "Resources.SampleApi.Properties");
    assert_eq!(properties.get("Policies"), None);
    assert_eq!(properties.get("Environment"), None);
}

#[test]
fn private_ca_may_write_crls_of_known_cas_only() {
    assert_eq!(
        at(
            &template(),
            "Resources.CrlBucketPolicy.Properties.PolicyDocument.Statement"
        )[0],
        yaml(
            r#"
            !If
              - PrivateCa
              - Sid: PrivateCaWritesCrls
                Effect: Allow
                Principal: {Service: acm-pca.amazonaws.com}
                Action: [s3:GetBucketAcl, s3:GetBucketLocation, s3:PutObject, s3:PutObjectAcl]
                Resource:
                  - !GetAtt CrlBucket.Arn
                  - !Sub ${CrlBucket.Arn}/*
                Condition: !If
                  - CreateCas
                  - StringEquals:
                      aws:SourceAccount: !Ref AWS::AccountId
                    ArnLike:
                      aws:SourceArn: !Sub arn:${AWS::Partition}:acm-pca:${AWS::Region}:${AWS::AccountId}:certificate-authority/*
                  - ArnEquals:
                      aws:SourceArn: !Split [",", !Ref ExistingCaArns]
              - !Ref AWS::NoValue
            "#
        )
    );
}

/// A CA of AWS Private CA that has no CRL revokes nobody, and PUBLIC_READ is what it asks for unless
/// told otherwise.
#[test]
fn both_cas_publish_their_crls_where_the_fetcher_looks() {
    let template = template();
    let cas = of_type(&template, "AWS::ACMPCA::CertificateAuthority");
    assert_eq!(
        cas.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["RootCa", "MtlsCa"]
    );
    for (name, ca) in cas {
        assert_eq!(
            at(ca, "Properties.RevocationConfiguration"),
            &yaml(
                "
                CrlConfiguration:
                  Enabled: true
                  CrlType: !Ref CrlType
                  ExpirationInDays: !Ref CrlExpirationDays
                  S3BucketName: !If [CreateCrlBucket, !Ref CrlBucket, !Ref ExistingCrlBucket]
                  S3ObjectAcl: BUCKET_OWNER_FULL_CONTROL
                "
            ),
            "{name}"
        );
        // DependsOn may not name what may not exist.
        assert_eq!(
            at(ca, "Metadata.After"),
            &yaml(r#"!If [CreateCrlBucket, !Ref CrlBucketPolicy, ""]"#),
            "{name}"
        );
    }
}

#[test]
fn every_bucket_is_private_versioned_encrypted_and_tls_only() {
    let template = template();
    let buckets = of_type(&template, "AWS::S3::Bucket");
    assert_eq!(buckets.len(), 3);
    for (name, bucket) in buckets {
        // Its object goes with the custom resource that wrote it.
        let kept = if name == "TruststoreBucket" {
            "Delete"
        } else {
            "Retain"
        };
        assert_eq!(bucket["DeletionPolicy"], yaml(kept), "{name}");
        let properties = &bucket["Properties"];
        for (property, value) in [
            (
                "PublicAccessBlockConfiguration",
                "
                BlockPublicAcls: true
                BlockPublicPolicy: true
                IgnorePublicAcls: true
                RestrictPublicBuckets: true
                ",
            ),
            ("VersioningConfiguration", "{Status: Enabled}"),
            (
                "BucketEncryption",
                "
                ServerSideEncryptionConfiguration:
                  - ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}
                ",
            ),
        ] {
            assert_eq!(properties[property], yaml(value), "{name}");
        }
        let tls_only = yaml(&format!(
            r#"
            Sid: TlsOnly
            Effect: Deny
            Principal: "*"
            Action: s3:*
            Resource:
              - !GetAtt {name}.Arn
              - !Sub ${{{name}.Arn}}/*
            Condition:
              Bool:
                aws:SecureTransport: "false"
            "#
        ));
        let policies = of_type(&template, "AWS::S3::BucketPolicy");
        assert!(
            policies.iter().any(|(_, policy)| {
                policy["Properties"]["Bucket"] == yaml(&format!("!Ref {name}"))
                    && policy["Properties"]["PolicyDocument"]["Statement"]
                        .as_sequence()
                        .unwrap()
                        .contains(&tls_only)
            }),
            "{name}"
        );
    }
}

/// Without a group of its own a function's log is kept for ever, and outlives the stack.
#[test]
fn every_log_is_kept_as_long_as_asked() {
    let template = template();
    for (name, function) in of_type(&template, "AWS::Serverless::Function") {
        assert_eq!(
            at(function, "Properties.LoggingConfig"),
            &yaml(&format!("LogGroup: !Ref {name}Logs")),
            "{name}"
        );
        let group = at(&template, &format!("Resources.{name}Logs"));
        assert_eq!(group["Type"], yaml("AWS::Logs::LogGroup"), "{name}");
        assert_eq!(
            at(group, "Properties.RetentionInDays"),
            &yaml("!Ref LogRetentionDays"),
            "{name}"
        );
    }
}

/// Nothing that was let in before is denied after an update, unless somebody asks for that.
#[test]
fn extended_key_usage_is_judged_when_asked_for() {
    let template = template();
    let variable = "Resources.Authorizer.Properties.Environment.Variables.REQUIRE_CLIENT_AUTH_EKU";
    assert_eq!(at(&template, variable), &yaml("!Ref RequireClientAuthEku"));
    let parameter = at(&template, "Parameters.RequireClientAuthEku");
    assert_eq!(at(parameter, "Default"), &yaml(r#""no""#));
    assert_eq!(at(parameter, "AllowedValues"), &yaml(r#"["no", "yes"]"#));
}

/// An alarm on a metric that nobody writes never goes off, and a graph of one is empty; both look as
/// if all were well.
#[test]
fn alarms_and_dashboard_are_about_metrics_that_are_written() {
    let template = template();
    let mut named = 0;
    for (name, alarm) in of_type(&template, "AWS::CloudWatch::Alarm") {
        let properties = &alarm["Properties"];
        let metrics = properties.get("Metrics").map(|queries| {
            let queries = queries.as_sequence().unwrap().iter();
            let stats = queries.filter_map(|query| query.get("MetricStat"));
            stats.map(|stat| &stat["Metric"]).collect()
        });
        for metric in metrics.unwrap_or_else(|| vec![properties]) {
            let dimensions = metric["Dimensions"].as_sequence().unwrap();
            assert_eq!(dimensions.len(), 1, "{name}");
            if text(&metric["Namespace"]) == emf::NAMESPACE {
                assert_eq!(dimensions[0]["Name"], yaml("FunctionName"), "{name}");
                let function = untagged(&dimensions[0]["Value"]);
                assert_written(name, function, text(&metric["MetricName"]));
                named += 1;
            }
        }
    }
    assert!(named >= 10, "{named} alarms");

    let mut searched = BTreeSet::new();
    for widget in dashboard()["widgets"].as_array().unwrap() {
        let title = widget["properties"]["title"].as_str().unwrap();
        for line in widget["properties"]["metrics"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let line = line.as_array().unwrap();
            if let Some(search) = line[0].get("expression") {
                let search = search.as_str().unwrap();
                assert!(search.contains(&format!("'{{{},FunctionName", emf::NAMESPACE)));
                assert!(search.contains("FunctionName=\"CrlFetcher\""), "{title}");
                let (_, metric) = search.split_once("MetricName=").unwrap();
                let metric = metric.split(' ').next().unwrap().trim_matches('"');
                searched.insert(metric.to_owned());
            } else if line[0] == emf::NAMESPACE {
                assert_eq!(line[2], "FunctionName", "{title}");
                let [metric, function] = [1, 3].map(|index| line[index].as_str().unwrap());
                assert_written(title, function, metric);
            }
        }
    }
    // Of refusals there is one a code.
    assert!(searched.remove("Refused"));
    for metric in searched {
        assert_written("a search", "CrlFetcher", &metric);
    }
}

#[test]
fn every_metric_is_documented_with_its_unit() {
    let page = operations();
    let rows = section(&page, "## Metrics")
        .lines()
        .filter(|line| line.starts_with("| `"));
    let mut documented = BTreeSet::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert!(UNITS.contains(&cells[2]), "{row}");
        let is_new = documented.insert(cells[1].trim_matches('`').to_owned());
        assert!(is_new, "{row}");
    }
    let mut written = names(&authorizer_metrics());
    written.extend(names(crl_fetcher::metrics::NAMES));
    written.insert("Refused.<code>".to_owned());
    assert_eq!(documented, written);
}

/// By the name that whoever is woken by it reads, and with a line in the table.
#[test]
fn every_alarm_has_a_section_of_the_runbook() {
    let template = template();
    let page = operations();
    let chapter = section(&page, "## Alarms");
    let sections: BTreeSet<_> = chapter
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let mut alarms = BTreeSet::new();
    for (_, alarm) in of_type(&template, "AWS::CloudWatch::Alarm") {
        let name = untagged(&alarm["Properties"]["AlarmName"]);
        let name = name.strip_prefix("${AWS::StackName}-").unwrap();
        let description = text(&alarm["Properties"]["AlarmDescription"]);
        assert!(description.ends_with(&format!("(docs/operations.md#{name})")));
        assert!(
            chapter.contains(&format!("| [{name}](#{name}) | ")),
            "{name}"
        );
        alarms.insert(name.to_owned());
    }
    assert!(alarms.len() >= 12, "{alarms:?}");
    assert_eq!(
        sections
            .into_iter()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>(),
        alarms
    );
}

/// A query that filters by a key which no line has finds nothing, and says so.
#[test]
fn queries_ask_for_keys_that_are_logged() {
    let template = template();
    let page = operations();
    let documented = log_keys(&page);
    let queries = of_type(&template, "AWS::Logs::QueryDefinition");
    assert!(queries.len() >= 8);
    let table = section(&page, "## Dashboard and queries");
    for (name, query) in queries {
        let title = untagged(&query["Properties"]["Name"]);
        let title = title.strip_prefix("${AWS::StackName}/").unwrap();
        assert!(table.contains(&format!("| {title} | ")), "{title}");
        let asked = text(&query["Properties"]["QueryString"]);
        for key in asked.split("fields.").skip(1) {
            let key: String = key
                .chars()
                .take_while(|&c| c.is_ascii_lowercase() || c == '_')
                .collect();
            let is_logged = key == "message" || documented.contains(&key);
            assert!(is_logged, "{name}: no line has {key}: {documented:?}");
        }
    }
}

/// Whoever renames a key breaks somebody's queries: the page says that keys stay.
#[test]
fn every_key_that_is_documented_is_logged() {
    let page = operations();
    let keys = log_keys(&page);
    assert!(keys.len() >= 30, "{keys:?}");
    let sources = [
        "authorizer/src/lib.rs",
        "authorizer/src/snapshots.rs",
        "crl-fetcher/src/main.rs",
        "truststore/src/lib.rs",
    ]
    .map(|source| std::fs::read_to_string(root().join(source)).unwrap());
    for key in keys {
        let is_word = |source: &String| {
            source
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .any(|word| word == key)
        };
        assert!(sources.iter().any(is_word), "{key} is in no source");
    }
}

/// Commands to paste, and tables of parameters.
#[test]
fn the_guides_name_outputs_and_parameters_that_exist() {
    let template = template();
    for (guide, known_outputs) in [("deploy", 5), ("operations", 6)] {
        let guide = std::fs::read_to_string(root().join(format!("docs/{guide}.md"))).unwrap();
        let named = |before: &str| -> BTreeSet<String> {
            guide
                .split(before)
                .skip(1)
                .map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric))
                .map(Iterator::collect)
                .collect()
        };
        let outputs = named("$(output ");
        assert!(outputs.len() >= known_outputs, "{outputs:?}");
        for output in outputs {
            at(&template, &format!("Outputs.{output}"));
        }
        for parameter in named("`Existing") {
            at(&template, &format!("Parameters.Existing{parameter}"));
        }
        // `Mode=shadow`, but not `CARGO_LAMBDA_COMPILER=cargo`.
        let mut given = 0;
        for code in guide.split('`') {
            let Some((parameter, _)) = code.split_once('=') else {
                continue;
            };
            let is_parameter = parameter.starts_with(|c: char| c.is_ascii_uppercase())
                && parameter.contains(|c: char| c.is_ascii_lowercase())
                && parameter.chars().all(|c| c.is_ascii_alphanumeric());
            if is_parameter {
                at(&template, &format!("Parameters.{parameter}"));
                given += 1;
            }
        }
        assert!(given >= 3, "{given}");
    }
}

fn template() -> Value {
    let path = root().join("template.yaml");
    yaml(&std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn yaml(text: &str) -> Value {
    yaml_serde::from_str(text).unwrap_or_else(|e| panic!("{e} in: {text}"))
}

/// What stands at a path of keys, joined by dots; says where the path ends too early.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, key| {
        value.get(key).unwrap_or_else(|| panic!("{path}: no {key}"))
    })
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a plain string: {value:?}"))
}

/// What stands behind a tag such as `!Ref` or `!Sub`.
fn untagged(value: &Value) -> &str {
    match value {
        Value::Tagged(tagged) => text(&tagged.value),
        _ => text(value),
    }
}

/// The dashboard, with the names of resources in place of what they will be, and 0 for parameters.
fn dashboard() -> serde_json::Value {
    let template = template();
    let body = untagged(at(
        &template,
        "Resources.Dashboard.Properties.DashboardBody",
    ));
    let mut plain = String::new();
    let mut rest = body;
    while let Some((before, behind)) = rest.split_once("${") {
        let (name, behind) = behind.split_once('}').unwrap();
        let is_resource = at(&template, "Resources").get(name).is_some();
        plain.push_str(before);
        plain.push_str(if is_resource { name } else { "0" });
        rest = behind;
    }
    plain.push_str(rest);
    serde_json::from_str(&plain).unwrap_or_else(|e| panic!("{e} in: {plain}"))
}

fn operations() -> String {
    std::fs::read_to_string(root().join("docs/operations.md")).unwrap()
}

/// What stands below a heading, up to the next one of the same rank.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, below) = page.split_once(&format!("\n{heading}\n")).unwrap();
    below.split_once("\n## ").map_or(below, |(below, _)| below)
}

/// The keys of the log lines that the page promises: the words that are set as code, but for what
/// explains one, in parentheses or behind a colon.
fn log_keys(page: &str) -> BTreeSet<String> {
    let lines = section(page, "## Log lines");
    let rows = lines.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.rsplit('|').nth(1).unwrap());
    let (_, request) = lines.split_once("**The truststore's function**").unwrap();
    let (_, request) = request.split_once(", with ").unwrap();
    let mut keys = BTreeSet::new();
    for cell in cells.chain([request]) {
        let mut depth = 0;
        let plain: String = cell
            .chars()
            .filter(|c| {
                depth += i32::from(*c == '(') - i32::from(*c == ')');
                depth == 0
            })
            .collect();
        let plain = plain.split(':').next().unwrap();
        keys.extend(plain.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    keys
}

fn assert_written(whereabouts: &str, function: &str, metric: &str) {
    let written = match function {
        "Authorizer" => authorizer_metrics(),
        "CrlFetcher" => crl_fetcher::metrics::NAMES.to_vec(),
        other => panic!("{whereabouts}: {other} writes no metrics"),
    };
    assert!(
        written.contains(&metric),
        "{whereabouts}: {function} does not write {metric}"
    );
}

fn of_type<'a>(template: &'a Value, wanted: &str) -> Vec<(&'a str, &'a Value)> {
    at(template, "Resources")
        .as_mapping()
        .unwrap()
        .iter()
        .filter(|(_, resource)| resource["Type"].as_str() == Some(wanted))
        .map(|(name, resource)| (text(name), resource))
        .collect()
}

/// The names in a function's environment. `Globals` sets none, as another test holds it to.
fn environment(function: &str) -> BTreeSet<String> {
    at(
        &template(),
        &format!("Resources.{function}.Properties.Environment.Variables"),
    )
    .as_mapping()
    .unwrap()
    .keys()
    .map(|name| text(name).to_owned())
    .collect()
}

fn names(variables: &[&str]) -> BTreeSet<String> {
    variables.iter().map(|&name| name.to_owned()).collect()
}

/// EventBridge Scheduler: `rate(value unit)`, the unit in the singular for 1 and for 1 only.
fn is_rate(expression: &str) -> bool {
    let Some((value, unit)) = expression
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|inside| inside.split_once(' '))
    else {
        return false;
    };
    match value.parse::<u32>() {
        Ok(0) | Err(_) => false,
        Ok(1) => matches!(unit, "minute" | "hour" | "day"),
        Ok(_) => matches!(unit, "minutes" | "hours" | "days"),
    }
}

/// Folder and name of every binary of the workspace, as cargo sees them.
fn members() -> BTreeSet<(PathBuf, String)> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version=1",
            "--locked",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut members = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap().canonicalize().unwrap();
        for target in package["targets"].as_array().unwrap() {
            if target["kind"][0] == "bin" {
                members.insert((folder.clone(), target["name"].as_str().unwrap().to_owned()));
            }
        }
    }
    members
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

const SNAPSHOT_KEY: &str = "revocation.snapshot";
const ALIAS_URI: &str = "!Sub [\"arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Alias}/invocations\", {Alias: !Ref Authorizer.Alias}]";

// ---- what the binaries write ---------------------------------------------------------------------

fn authorizer_metrics() -> Vec<&'static str> {
    let of_reasons = Reason::ALL.iter().map(|reason| reason.metric());
    let others = authorizer::metrics::NAMES.iter().copied();
    others.chain(of_reasons).collect()
}

/// Those of CloudWatch's units that are used.
const UNITS: &[&str] = &[
    "Bytes",
    "Count",
    "Microseconds",
    "Milliseconds",
    "Percent",
    "Seconds",
];
