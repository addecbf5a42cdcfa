"""Proves that check_template.py can fail: spoils template.yaml in one way at a time, and fails
unless every one is noticed. Most of these are valid CloudFormation, and pass every linter.
"""

import pathlib
import sys

import check_template

# What stands in the template, and what to put in its place; the first occurrence after a heading,
# where one is given.
MUTATIONS = {
    "the authorizer is dropped from the route": (
        "",
        "      AuthorizationType: CUSTOM\n      AuthorizerId: !Ref RevocationAuthorizer\n",
        "      AuthorizationType: NONE\n",
    ),
    "a second route goes around the authorizer": (
        "",
        "  SampleIntegration:\n",
        "  Open:\n    Type: AWS::ApiGatewayV2::Route\n    Condition: CreateHttpApi\n"
        "    Properties:\n      ApiId: !Ref HttpApi\n      RouteKey: GET /health\n"
        "      Target: !Sub integrations/${SampleIntegration}\n\n  SampleIntegration:\n",
    ),
    "the root of the REST API is open": (
        "          /:\n",
        "              security:\n                - revocation: []\n",
        "",
    ),
    "policies where simple answers are sent": (
        "",
        "!If [SimpleResponses, true, false]",
        "false",
    ),
    "payload format 1.0": ("RevocationAuthorizer:", 'Version: "2.0"', 'Version: "1.0"'),
    "the function and not its alias": (
        "RevocationAuthorizer:",
        "- Alias: !Ref Authorizer.Alias",
        "- Alias: !GetAtt Authorizer.Arn",
    ),
    "permission for the function and not its alias": (
        "AuthorizerPermission:",
        "FunctionName: !Ref Authorizer.Alias",
        "FunctionName: !Ref Authorizer",
    ),
    "caching though none was asked for": (
        "RevocationAuthorizer:",
        "AuthorizerResultTtlInSeconds: !Ref AuthorizerCacheSeconds",
        "AuthorizerResultTtlInSeconds: 300",
    ),
    "no TTL": (
        "RevocationAuthorizer:",
        "      AuthorizerResultTtlInSeconds: !Ref AuthorizerCacheSeconds\n",
        "",
    ),
    "caching by a header": (
        "RevocationAuthorizer:",
        "[$context.identity.clientCert.clientCertPem]",
        "[$request.header.Authorization]",
    ),
    "a REST API that caches by a header": (
        "  RestApi:",
        "- context.identity.clientCert.clientCertPem",
        "- method.request.header.Authorization",
    ),
    "an identity source without caching": (
        "RevocationAuthorizer:",
        "      IdentitySource: !If\n        - CacheDecisions\n"
        "        - [$context.identity.clientCert.clientCertPem]\n        - !Ref AWS::NoValue\n",
        "      IdentitySource: [$context.identity.clientCert.clientCertPem]\n",
    ),
    "the endpoint without mutual TLS": (
        "  HttpApi:\n",
        "DisableExecuteApiEndpoint: true",
        "DisableExecuteApiEndpoint: false",
    ),
    "the same of the REST API": (
        "  RestApi:\n",
        "DisableExecuteApiEndpoint: true",
        "DisableExecuteApiEndpoint: false",
    ),
    "TLS 1.0": ("", "SecurityPolicy: TLS_1_2", "SecurityPolicy: TLS_1_0"),
    "no mutual TLS": ("ApiDomain:", "      MutualTlsAuthentication:\n", "      Tags:\n"),
    "a truststore that is never read again": (
        "",
        "- !GetAtt Truststore.Version",
        "- !Ref AWS::NoValue",
    ),
    "the alias stays when Mode changes": ("", "        ${Mode}\n", ""),
    "the alias stays when the log level changes": (
        "",
        "${Architecture} ${LogLevel}",
        "${Architecture}",
    ),
    "a subordinate CA that may make CAs": ("", "PathLen0/V1", "PathLen3/V1"),
    "a root of 100 years": ("RootCertificate:", "Value: 10", "Value: 100"),
    "another key algorithm": ("MtlsCa:", "KeyAlgorithm: RSA_2048", "KeyAlgorithm: EC_foo"),
    "a CA without CRLs": ("MtlsCa:", "Enabled: true", "Enabled: false"),
    "public CRLs": (
        "RootCa:",
        "S3ObjectAcl: BUCKET_OWNER_FULL_CONTROL",
        "S3ObjectAcl: PUBLIC_READ",
    ),
    "a CA before its bucket's policy": (
        "RootCa:",
        '!If [CreateCrlBucket, !Ref CrlBucketPolicy, ""]',
        "none",
    ),
    "a refresh before the truststore": (
        "",
        "!GetAtt Truststore.Bucket, !Ref ExistingTruststoreBucket]\n"
        "          TRUSTSTORE_KEY: !If [CreateCas, !GetAtt Truststore.Key, !Ref TruststoreKey]\n",
        "!Ref TruststoreBucket, !Ref ExistingTruststoreBucket]\n"
        "          TRUSTSTORE_KEY: !Ref TruststoreKey\n",
    ),
    "a policy that waits for the CA that waits for it": (
        "  CrlBucketPolicy:\n",
        "    Condition: CreateCrlBucket\n",
        "    Condition: CreateCrlBucket\n"
        "    Metadata: {After: !If [CreateCas, !Ref RootCa, none]}\n",
    ),
    "a client before its CA": ("", "    DependsOn: MtlsActivation\n", ""),
    "a truststore without the root": ("", "        - !GetAtt RootCertificate.Certificate\n", ""),
    "a custom resource that waits an hour": ("", "      ServiceTimeout: 300\n", ""),
    "no ACLs for AWS Private CA": (
        "\n  CrlBucket:\n",
        "!If [PrivateCa, BucketOwnerPreferred, BucketOwnerEnforced]",
        "BucketOwnerEnforced",
    ),
    "a bucket without versions": ("TruststoreBucket:", "Status: Enabled", "Status: Suspended"),
    "a bucket that may be made public": (
        "SnapshotBucket:",
        "RestrictPublicBuckets: true",
        "RestrictPublicBuckets: false",
    ),
    "a bucket without TLS": (
        "TruststoreBucketPolicy:",
        'aws:SecureTransport: "false"',
        'aws:SecureTransport: "true"',
    ),
    "the policy of another bucket": (
        "SnapshotBucketPolicy:",
        "Bucket: !Ref SnapshotBucket",
        "Bucket: !Ref CrlBucket",
    ),
    "a key that AWS Private CA cannot use": (
        "\n  CrlBucket:\n",
        "SSEAlgorithm: AES256",
        "SSEAlgorithm: aws:kms",
    ),
    "CRLs of anybody's CAs": (
        "",
        "                - StringEquals:\n"
        "                    aws:SourceAccount: !Ref AWS::AccountId\n"
        "                  ArnLike:\n",
        "                - ArnLike:\n",
    ),
    "CRLs without an announcement": ("", "EventBridgeEnabled: true", "EventBridgeEnabled: false"),
    "every object": (
        "",
        "${SnapshotBucket.Arn}/revocation.snapshot\n            - Sid: ReadOverrides",
        "${SnapshotBucket.Arn}/*\n            - Sid: ReadOverrides",
    ),
    "every action": ("ReadSnapshot", "Action: s3:GetObject", "Action: s3:*"),
    "a fetcher that writes CRLs": (
        "ReadCrls",
        "Action: s3:GetObject",
        "Action: [s3:GetObject, s3:PutObject]",
    ),
    "a truststore that the fetcher writes": (
        "ReadTruststore",
        "Action: s3:GetObject",
        "Action: s3:PutObject",
    ),
    "a truststore among the CRLs": (
        "  Truststore:\n",
        "Bucket: !Ref TruststoreBucket",
        "Bucket: !Ref CrlBucket",
    ),
    "two places for the snapshot": (
        "  Authorizer:\n",
        "SNAPSHOT_BUCKET: !Ref SnapshotBucket",
        "SNAPSHOT_BUCKET: !Ref CrlBucket",
    ),
    "a queue that refuses the rules": (
        "",
        "                  - !GetAtt CrlFetcherCrlWritten.Arn\n",
        "",
    ),
    "no queue for what is not delivered": (
        "CrlWritten:",
        "            DeadLetterConfig:\n              Arn: !GetAtt RefreshFailures.Arn\n",
        "",
    ),
    "a queue that refuses what a CA announced": (
        "",
        "                  - !GetAtt CrlFetcherCertificateRevoked.Arn\n",
        "",
    ),
    "no queue for an announcement that is not delivered": (
        "CertificateRevoked:",
        "            DeadLetterConfig:\n              Arn: !GetAtt RefreshFailures.Arn\n",
        "",
    ),
    "an announcement that is dropped within an hour": (
        "CertificateRevoked:",
        "MaximumEventAgeInSeconds: 86400",
        "MaximumEventAgeInSeconds: 3600",
    ),
    "announcements that are dropped while they queue": (
        "",
        "MaximumEventAgeInSeconds: 21600",
        "MaximumEventAgeInSeconds: 60",
    ),
    "announcements of any account": (
        "CertificateRevoked:",
        '              account: !If [NameCaAccounts, !Split [",", !Ref CaAccounts], [!Ref AWS::AccountId]]\n',
        "",
    ),
    "announcements of the own account, though others were named": (
        "CertificateRevoked:",
        '!If [NameCaAccounts, !Split [",", !Ref CaAccounts], [!Ref AWS::AccountId]]',
        "[!Ref AWS::AccountId]",
    ),
    "a function that ignores what the rule lets through": (
        "",
        "CA_ACCOUNTS: !If [NameCaAccounts, !Ref CaAccounts, !Ref AWS::AccountId]",
        "CA_ACCOUNTS: !Ref AWS::AccountId",
    ),
    "announcements of every CA": (
        "CertificateRevoked:",
        "                - [!Ref RootCa, !Ref MtlsCa]\n",
        "                - !Ref AWS::NoValue\n",
    ),
    "announcements of something else": (
        "CertificateRevoked:",
        "ACM Private CA Certificate Revocation",
        "ACM Private CA Certificate Issuance",
    ),
    "revocations that failed": ("CertificateRevoked:", "result: [success]", "result: [failure]"),
    "overrides that start no refresh": (
        "OverridesWritten:",
        "key: [overrides/overrides.json]",
        "key: [suffix: .crl]",
    ),
    "a bucket that tells of no overrides": (
        "  SnapshotBucket:",
        "EventBridgeEnabled: true",
        "EventBridgeEnabled: false",
    ),
    "overrides that are looked for elsewhere": (
        "",
        "OVERRIDES_KEY: overrides/overrides.json",
        "OVERRIDES_KEY: overrides.json",
    ),
    "no overrides": ("", "          OVERRIDES_BUCKET: !Ref SnapshotBucket\n", ""),
    "operators who may write snapshots": (
        "OverridesPolicy:",
        "Resource: !Sub ${SnapshotBucket.Arn}/overrides/overrides.json",
        "Resource: !Sub ${SnapshotBucket.Arn}/*",
    ),
    "a fetcher that may write overrides": (
        "- Sid: ReadOverrides",
        "Action: s3:GetObject",
        "Action: [s3:GetObject, s3:PutObject]",
    ),
    "a rule that is switched off": (
        "        CertificateRevoked:\n",
        "          Properties:\n",
        "          Properties:\n            State: DISABLED\n",
    ),
    "keys of CAs that are dropped": ("", "CA_KEY_IDS: !Ref CaKeyIds", 'CA_KEY_IDS: ""'),
    "announcements that count for a day": (
        "",
        "ANNOUNCEMENT_KEEP_DAYS: !Ref AnnouncementKeepDays",
        'ANNOUNCEMENT_KEEP_DAYS: "1"',
    ),
    "an alarm before the CA can have published": (
        "",
        "UNCONFIRMED_AFTER_SECONDS: !Ref UnconfirmedAfterSeconds",
        'UNCONFIRMED_AFTER_SECONDS: "60"',
    ),
    "no refresh is taken for a confirmation": (
        "UnconfirmedRevocationsAlarm:",
        "TreatMissingData: ignore",
        "TreatMissingData: notBreaching",
    ),
    "a cache that is not flushed": (
        "AUTHORIZER_CACHES:",
        "            - CacheDecisions\n",
        "            - SimpleResponses\n",
    ),
    "the cache of the other kind of API": (
        "AUTHORIZER_CACHES:",
        "[ForHttpApi, http, rest]",
        "[ForHttpApi, rest, http]",
    ),
    "the cache of another stage": (
        "AUTHORIZER_CACHES:",
        "[CreateRestApi, live, !Ref ExistingApiStage]",
        "[CreateRestApi, $default, !Ref ExistingApiStage]",
    ),
    "a flush before the authorizers have the snapshot": (
        "AUTHORIZER_CACHES:",
        "SNAPSHOT_HARD_AGE_SECONDS: !Ref SnapshotHardAgeSeconds",
        "SNAPSHOT_HARD_AGE_SECONDS: !Ref SnapshotSoftAgeSeconds",
    ),
    "a flush that is not allowed": (
        "Sid: FlushAuthorizerCache",
        "[ForHttpApi, apis, restapis]",
        "[ForHttpApi, restapis, restapis]",
    ),
    "a permission for every stage": (
        "Sid: FlushAuthorizerCache",
        "/stages/${Stage}/cache",
        "/stages/*/cache",
    ),
    "a permission that nobody asked for": (
        "",
        "            - !If\n              - CacheDecisions\n              - Sid: NoteFlushes",
        "            - !If\n              - SimpleResponses\n              - Sid: NoteFlushes",
    ),
    "no rule for what an existing API caches": (
        "CachedExistingApi:",
        '!Not [!Equals [!Ref ExistingApiStage, ""]]',
        '!Equals [!Ref ApiType, !Ref ApiType]',
    ),
    "an alarm on what goes well": (
        "CacheNotFlushedAlarm:",
        "MetricName: CacheFlushFailed",
        "MetricName: CacheFlushes",
    ),
    "failures of other CAs": (
        "",
        "resources: !If [CreateCas, [!Ref RootCa, !Ref MtlsCa]",
        "resources: !If [CreateCas, [!Ref RootCa]",
    ),
    "successes as failures": ("", "result: [failure]", "result: [success]"),
    "a schedule that never ticks": ("", "Default: rate(5 minutes)", "Default: rate(5 minute)"),
    "a runtime that does not exist": ("", "Runtime: provided.al2023", "Runtime: provided.al2077"),
    "logs that are no JSON": ("", "LogFormat: JSON", "LogFormat: Text"),
    "an authorizer that API Gateway does not wait for": (
        "  Authorizer:\n",
        "Timeout: 8",
        "Timeout: 12",
    ),
    "no limit to refreshes": (
        "",
        "        !If [ReserveForFetcher, !Ref FetcherReservedConcurrency, !Ref AWS::NoValue]",
        "        !Ref AWS::NoValue",
    ),
    "a resource of another condition": (
        "SampleApiLogs:",
        "    Condition: CreateApi\n",
        "    Condition: CreateHttpApi\n",
    ),
    "a rule the wrong way round": (
        "  ExistingApi:\n",
        'RuleCondition: !Not [!Equals [!Ref ExistingApiId, ""]]',
        'RuleCondition: !Equals [!Ref ExistingApiId, ""]',
    ),
    "no rule against two APIs": (
        "",
        '!And [!Equals [!Ref DomainName, ""], !Equals [!Ref HostedZoneId, ""]]',
        "!Equals [!Ref ApiType, !Ref ApiType]",
    ),
    "one bucket for CRLs and truststore": (
        "",
        "!Not [!Equals [!Ref ExistingCrlBucket, !Ref ExistingTruststoreBucket]]",
        "!Not [!Equals [!Ref ExistingCrlBucket, x]]",
    ),
    "the alias stays when the extended key usage is to be judged": (
        "",
        "${ExpiredCrlGraceSeconds} ${RequireClientAuthEku}",
        "${ExpiredCrlGraceSeconds}",
    ),
    "alarms that are silent, as their metrics are not logged": (
        "",
        "[!Equals [!Ref LogLevel, WARN], !Equals [!Ref LogLevel, ERROR]]",
        "[!Equals [!Ref LogLevel, WARN], !Equals [!Ref LogLevel, FATAL]]",
    ),
    "a topic that no alarm tells": ("  NotMonitored:\n", '"no"]', '"never"]'),
    "an alarm that tells nobody": (
        "CrlExpiredAlarm:",
        "      AlarmActions: !If [TellTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]\n",
        "",
    ),
    "an alarm whose end nobody is told": (
        "RefreshFailsAlarm:",
        "      OKActions: !If [TellTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]\n",
        "",
    ),
    "an alarm on a metric that is misspelt": (
        "UnknownIssuerAlarm:",
        "MetricName: UnknownIssuer",
        "MetricName: IssuerUnknown",
    ),
    "an alarm on another namespace": (
        "CrlRefusedAlarm:",
        "Namespace: CrlAuthorizer",
        "Namespace: CrlFetcher",
    ),
    "an alarm on the other function": (
        "NoSnapshotAlarm:",
        "Value: !Ref Authorizer",
        "Value: !Ref CrlFetcher",
    ),
    "an alarm on the alias, of which there are other metrics": (
        "AuthorizerErrorsAlarm:",
        "- Name: FunctionName\n          Value: !Ref Authorizer\n",
        "- Name: Resource\n          Value: !Ref Authorizer.Alias\n",
    ),
    "no refresh is taken for good": (
        "RefreshMissingAlarm:",
        "TreatMissingData: breaching",
        "TreatMissingData: notBreaching",
    ),
    "no refresh is seen late": (
        "RefreshMissingAlarm:",
        "FILL(invocations, 0)",
        "invocations",
    ),
    "no metric is taken for a new CRL": (
        "CrlNotRenewedAlarm:",
        "TreatMissingData: ignore",
        "TreatMissingData: notBreaching",
    ),
    "the best CA in place of the worst": (
        "CrlNearNextUpdateAlarm:",
        "Statistic: Minimum",
        "Statistic: Maximum",
    ),
    "an alarm the wrong way round": (
        "CrlNearNextUpdateAlarm:",
        "LessThanThreshold",
        "GreaterThanThreshold",
    ),
    "an alarm at an age that is usual": (
        "SnapshotStaleAlarm:",
        "age - ${SnapshotHardAgeSeconds}",
        "age - ${SnapshotSoftAgeSeconds}",
    ),
    "alarms that were not asked for": (
        "SnapshotStaleAlarm:",
        "    Condition: Monitor\n",
        "",
    ),
    "an alarm that is described nowhere": (
        "",
        "(docs/operations.md#crl-refused)",
        "(docs/operations.md#crl-refusal)",
    ),
    "a dashboard without an alarm": ("", '              "${AuthorizerErrorsAlarm.Arn}",\n', ""),
    "a dashboard that is no JSON": (
        "  Dashboard:\n",
        '"${Authorizer}"],\n              ["CrlAuthorizer", "Denied"',
        '"${Authorizer}"]\n              ["CrlAuthorizer", "Denied"',
    ),
    "a dashboard of another Region": (
        "  Dashboard:\n",
        '"region": "${AWS::Region}"',
        '"region": "eu-central-1"',
    ),
    "one graph on another": ("  Dashboard:\n", '"x": 8, "y": 10', '"x": 7, "y": 10'),
    "a graph of nothing": (
        "  Dashboard:\n",
        '"RevalidationsUnchanged"',
        '"RevalidationsUnmodified"',
    ),
    "a graph without a line": (
        "  Dashboard:\n",
        '              ["CrlAuthorizer", "IssuerRevoked", "FunctionName", "${Authorizer}"],\n',
        "",
    ),
    "CAs that are looked for under another name": (
        "  Dashboard:\n",
        "{CrlAuthorizer,FunctionName,Issuer}",
        "{CrlAuthorizer,FunctionName,Ca}",
    ),
    "two dashboards of one name": (
        "  Dashboard:\n",
        "DashboardName: !Sub ${AWS::StackName}-${AWS::Region}",
        "DashboardName: !Sub ${AWS::StackName}",
    ),
    "a query of another log": (
        "RefreshesQuery:",
        "[!Ref CrlFetcherLogs]",
        "[!Ref AuthorizerLogs]",
    ),
    "a query with a misspelt command": ("RefusedCrlsQuery:", "| sort", "| order"),
}

VARIANTS = ("default", "rest", "cached", "rest-cached", "own-cas", "own-api", "watched", "unwatched")


def mutate(text, heading, old, new):
    start = text.index(heading)
    at = text.index(old, start)
    return text[:at] + new + text[at + len(old) :]


def main(source):
    text = pathlib.Path(source).read_text(encoding="utf-8")
    missed = []
    for name, mutation in MUTATIONS.items():
        spoilt = mutate(text, *mutation)
        try:
            noticed = next(iter(check_template.run(spoilt, VARIANTS).failures), None)
        except Exception as error:  # SAM refuses some, each with an exception of its own.
            noticed = f"{type(error).__name__} {error}"
        if noticed is None:
            missed.append(name)
        else:
            print(f"{name}: {noticed.splitlines()[0]}")
    for name in missed:
        print(f"NOT NOTICED: {name}")
    print(f"{len(MUTATIONS)} mutations, {len(missed)} not noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
