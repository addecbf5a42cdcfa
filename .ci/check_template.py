"""Asserts on what template.yaml turns into: the values that no linter looks at, for every
combination of parameters in transform.py.

Whole mappings are compared, so that an addition is as visible as a loss. A reference to a resource
is written <Name>, to an attribute of it <Name.Attribute>.

What the binaries read from their environment, and the parameters' defaults, is in
tests/template.rs.
"""

import json
import pathlib
import re
import sys

import transform

ACCOUNT = "111122223333"
TRUST = "<TruststoreBucket.Arn>"
CRLS = "<CrlBucket.Arn>"
SNAPSHOT = "<SnapshotBucket.Arn>/revocation.snapshot"
OVERRIDES = "<SnapshotBucket.Arn>/overrides/overrides.json"
URI = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations"
ALIAS = URI.format("<AuthorizerAliaslive>")
CERTIFICATE = "identity.clientCert.clientCertPem"
CLI = "aws apigatewayv2 create-authorizer --region us-east-1 --api-id a1b2c3d4e5 --name revocation"

# The axes along which stacks differ, by variant.
NEW_CAS = {"default", "rest", "partitioned", "cached", "rest-cached", "provisioned", "tuned"} | {
    "own-crl-bucket",
    "watched",
    "unwatched",
}
NEW_CRL_BUCKET = NEW_CAS - {"own-crl-bucket"} | {"own-truststore", "own-cas", "own-api-rest"}
PRIVATE_CA = NEW_CAS | {"own-cas", "own-cas-rest", "own-api-rest"}
REST = {"rest", "rest-cached", "own-cas-rest"}
OWN_API = {"own-api", "own-api-rest", "own-api-cached", "own-api-rest-cached"}
CACHED = {"cached", "rest-cached", "own-api-cached", "own-api-rest-cached"}


class Stack:
    """One variant, with every reference written as text."""

    def __init__(self, name, decided):
        self.name = name
        self.resources = as_text(decided["Resources"])
        self.outputs = as_text(decided["Outputs"])
        self.given = transform.VARIANTS[name]

    def of_type(self, kind):
        return {n: r for n, r in self.resources.items() if r["Type"] == kind}

    def properties(self, name):
        return self.resources.get(name, {}).get("Properties", {})

    def variable(self, function, name):
        return self.properties(function)["Environment"]["Variables"][name]

    @property
    def crl_bucket(self):
        return "<CrlBucket>" if self.name in NEW_CRL_BUCKET else "example-crls"

    @property
    def key(self):
        return self.given.get("TruststoreKey", "truststore.pem")


def as_text(value):
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]} if len(value) == 1:
            return f"<{name}.{attribute}>"
        case {"Fn::GetAtt": str(name)}:
            return f"<{name}>"
        case {"Fn::Sub": [text, variables]}:
            names = {name: as_text(variable) for name, variable in variables.items()}
            return re.sub(r"\$\{([\w.]+)\}", lambda m: names.get(m[1], f"<{m[1]}>"), text)
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([\w.]+)\}", r"<\1>", text)
        case {"Fn::Join": [separator, list(items)]}:
            return separator.join(as_text(item) for item in items)
        case dict():
            return {key: as_text(item) for key, item in value.items()}
        case list():
            return [as_text(item) for item in value]
    return value


class Checks:
    def __init__(self):
        # By message, where: most are wrong in many stacks at once.
        self.failures = {}
        self.count = 0

    def equal(self, stack, what, actual, expected):
        self.count += 1
        if normal(actual) != normal(expected):
            message = f"{what}\n     is {json.dumps(actual)}\n should {json.dumps(expected)}"
            self.failures.setdefault(message, []).append(stack.name)

    def holds(self, stack, what, condition):
        self.equal(stack, what, bool(condition), True)


def normal(value):
    """CloudFormation takes "5" and "true" for 5 and true, and parameters are text."""
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [normal(item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None else str(value)


# ---- whole stacks --------------------------------------------------------------------------------


def nothing_refers_to_what_is_not_there(check, stack):
    bodies = [*stack.resources.values(), *stack.outputs.values()]
    named = set().union(*map(references, bodies))
    lacking = sorted(named - set(stack.resources))
    check.equal(stack, "resources referred to that the stack lacks", lacking, [])


def a_stack_holds_what_was_asked_for(check, stack):
    functions = {"CrlFetcher", "Authorizer"}
    buckets = {"SnapshotBucket"}
    if stack.name in NEW_CAS:
        functions |= {"TruststoreWriter"}
        buckets |= {"TruststoreBucket"}
    if stack.name in NEW_CRL_BUCKET:
        buckets |= {"CrlBucket"}
    if stack.name not in OWN_API:
        functions |= {"SampleApi"}
    new_cas, rest, own_api = (stack.name in names for names in (NEW_CAS, REST, OWN_API))
    for kind, names in [
        ("AWS::Lambda::Function", functions),
        ("AWS::S3::Bucket", buckets),
        ("AWS::ACMPCA::CertificateAuthority", {"RootCa", "MtlsCa"} if new_cas else set()),
        ("Custom::Truststore", {"Truststore"} if new_cas else set()),
        ("AWS::ApiGatewayV2::DomainName", set() if own_api else {"ApiDomain"}),
        ("AWS::ApiGateway::RestApi", {"RestApi"} if rest else set()),
        ("AWS::ApiGatewayV2::Api", set() if rest or own_api else {"HttpApi"}),
    ]:
        check.equal(stack, kind, sorted(stack.of_type(kind)), sorted(names))


def what_is_needed_is_made_before(check, stack):
    """And deleted after: there are no cycles, and the orders that matter are not left to chance."""
    needs = {name: references(resource) for name, resource in stack.resources.items()}
    before = {}

    def all_before(name, path):
        if name in path:
            check.equal(stack, "cycle", [*path, name], [])
            return set()
        if name not in before:
            direct = needs.get(name, set())
            before[name] = direct.union(*(all_before(next_, [*path, name]) for next_ in direct))
        return before[name]

    for name in needs:
        all_before(name, [])
    orders = [("CrlFetcherSchedule", "SnapshotBucket"), ("AuthorizerPermission", "SnapshotBucket")]
    if stack.name in NEW_CAS:
        orders += [
            ("Truststore", "RootActivation"),
            ("Truststore", "MtlsActivation"),
            ("Truststore", "TruststoreBucketPolicy"),
            ("Truststore", "TruststoreWriterRole"),
            ("Truststore", "TruststoreWriterLogs"),
            ("ClientOneCert", "RootActivation"),
            # It would fail until there is a truststore, and fill the queue.
            ("CrlFetcherSchedule", "Truststore"),
            ("CrlFetcherCrlWritten", "Truststore"),
            ("CrlFetcherOverridesWritten", "Truststore"),
            ("CrlFetcherCertificateRevoked", "Truststore"),
        ]
    if stack.name in NEW_CAS & NEW_CRL_BUCKET:
        orders += [("RootCa", "CrlBucketPolicy"), ("MtlsCa", "CrlBucketPolicy")]
    if stack.name in NEW_CAS - OWN_API:
        orders += [("ApiDomain", "Truststore"), ("DomainRecord", "Truststore")]
    if stack.name not in OWN_API:
        orders += [("ApiMapping", "RestApiliveStage" if stack.name in REST else "HttpApiStage")]
    for later, earlier in orders:
        check.holds(stack, f"{later} is made after {earlier}", earlier in before.get(later, ()))


def references(resource):
    depends = resource.get("DependsOn", [])
    named = re.findall(r"<(\w+)(?:\.[\w.]+)?>", json.dumps(resource))
    return set(named) | ({depends} if isinstance(depends, str) else set(depends))


# ---- CAs and truststore --------------------------------------------------------------------------


def root_signs_the_ca_that_signs_clients(check, stack):
    if stack.name not in NEW_CAS:
        return
    for name, kind, common_name in [
        ("RootCa", "ROOT", "rootca"),
        ("MtlsCa", "SUBORDINATE", "mtlsca"),
    ]:
        # With the policy in force: AWS Private CA tries to write when the CA is made.
        expected = "<CrlBucketPolicy>" if stack.name in NEW_CRL_BUCKET else ""
        after = stack.resources[name].get("Metadata", {}).get("After")
        check.equal(stack, f"what {name} is made after", after, expected)
        expected = {
            "Type": kind,
            "KeyAlgorithm": "RSA_2048",
            "SigningAlgorithm": "SHA256WITHRSA",
            "Subject": {"CommonName": f"example-{common_name}"},
            "RevocationConfiguration": {
                "CrlConfiguration": {
                    "Enabled": True,
                    "CrlType": stack.given.get("CrlType", "COMPLETE"),
                    "ExpirationInDays": stack.given.get("CrlExpirationDays", 7),
                    "S3BucketName": stack.crl_bucket,
                    "S3ObjectAcl": "BUCKET_OWNER_FULL_CONTROL",
                }
            },
        }
        check.equal(stack, name, stack.properties(name), expected)
    for name, ca, template, years in [
        ("RootCertificate", "RootCa", "RootCACertificate", 10),
        ("MtlsCertificate", "MtlsCa", "SubordinateCACertificate_PathLen0", 3),
    ]:
        expected = {
            "CertificateAuthorityArn": "<RootCa>",
            "CertificateSigningRequest": f"<{ca}.CertificateSigningRequest>",
            "SigningAlgorithm": "SHA256WITHRSA",
            "TemplateArn": f"arn:aws:acm-pca:::template/{template}/V1",
            "Validity": {"Type": "YEARS", "Value": years},
        }
        check.equal(stack, name, stack.properties(name), expected)
    expected = {
        "CertificateAuthorityArn": "<RootCa>",
        "Certificate": "<RootCertificate.Certificate>",
        "Status": "ACTIVE",
    }
    check.equal(stack, "RootActivation", stack.properties("RootActivation"), expected)
    expected = {
        "CertificateAuthorityArn": "<MtlsCa>",
        "Certificate": "<MtlsCertificate.Certificate>",
        "CertificateChain": "<RootActivation.CompleteCertificateChain>",
        "Status": "ACTIVE",
    }
    check.equal(stack, "MtlsActivation", stack.properties("MtlsActivation"), expected)
    # A CA cannot issue before it is active.
    for name, active in [
        ("MtlsCertificate", "RootActivation"),
        ("ClientOneCert", "MtlsActivation"),
    ]:
        check.equal(stack, f"{name} depends on", stack.resources[name].get("DependsOn"), active)
    client = stack.properties("ClientOneCert")
    check.equal(stack, "issuer of ClientOneCert", client.get("CertificateAuthorityArn"), "<MtlsCa>")
    output = stack.outputs["ClientOneCertArn"]["Value"]
    check.equal(stack, "ClientOneCertArn", output, "<ClientOneCert>")


def truststore_holds_both_cas(check, stack):
    expected = None
    if stack.name in NEW_CAS:
        expected = {
            "ServiceToken": "<TruststoreWriter.Arn>",
            "ServiceTimeout": 300,
            "Bucket": "<TruststoreBucket>",
            "Key": stack.key,
            "Certificates": ["<MtlsCertificate.Certificate>", "<RootCertificate.Certificate>"],
        }
    check.equal(stack, "Truststore", stack.properties("Truststore") or None, expected)
    where = (
        {"TRUSTSTORE_BUCKET": "<Truststore.Bucket>", "TRUSTSTORE_KEY": "<Truststore.Key>"}
        if stack.name in NEW_CAS
        else {"TRUSTSTORE_BUCKET": "example-truststore", "TRUSTSTORE_KEY": "truststore.pem"}
    )
    for name, value in where.items():
        check.equal(stack, name, stack.variable("CrlFetcher", name), value)


# ---- buckets -------------------------------------------------------------------------------------


def buckets_are_private_versioned_encrypted_and_tls_only(check, stack):
    for name, bucket in stack.of_type("AWS::S3::Bucket").items():
        properties = bucket["Properties"]
        acl_for_ca = name == "CrlBucket" and stack.name in PRIVATE_CA
        ownership = "BucketOwnerPreferred" if acl_for_ca else "BucketOwnerEnforced"
        sse = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        blocks = ["BlockPublicAcls", "BlockPublicPolicy"]
        blocks += ["IgnorePublicAcls", "RestrictPublicBuckets"]
        for property, expected in [
            ("PublicAccessBlockConfiguration", dict.fromkeys(blocks, True)),
            ("VersioningConfiguration", {"Status": "Enabled"}),
            ("BucketEncryption", {"ServerSideEncryptionConfiguration": [sse]}),
            ("OwnershipControls", {"Rules": [{"ObjectOwnership": ownership}]}),
        ]:
            check.equal(stack, f"{name} {property}", properties.get(property), expected)
        # Whole policies: nobody else is let in.
        statements = [] if name != "CrlBucket" else private_ca_writes_crls(stack)
        statements.append(
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [f"<{name}.Arn>", f"<{name}.Arn>/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        )
        policies = [
            policy["Properties"]["PolicyDocument"]["Statement"]
            for policy in stack.of_type("AWS::S3::BucketPolicy").values()
            if policy["Properties"]["Bucket"] == f"<{name}>"
        ]
        check.equal(stack, f"policies of {name}", policies, [statements])
        keeps = "Delete" if name == "TruststoreBucket" else "Retain"
        check.equal(stack, f"{name} DeletionPolicy", bucket.get("DeletionPolicy"), keeps)
    for name in ["CrlBucket"] * (stack.name in NEW_CRL_BUCKET) + ["SnapshotBucket"]:
        expected = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
        actual = stack.properties(name).get("NotificationConfiguration")
        check.equal(stack, f"{name} notifications", actual, expected)


def private_ca_writes_crls(stack):
    if stack.name not in PRIVATE_CA:
        return []
    condition = (
        {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {
                "aws:SourceArn": f"arn:aws:acm-pca:us-east-1:{ACCOUNT}:certificate-authority/*"
            },
        }
        if stack.name in NEW_CAS
        else {"ArnEquals": {"aws:SourceArn": stack.given["ExistingCaArns"].split(",")}}
    )
    return [
        {
            "Sid": "PrivateCaWritesCrls",
            "Effect": "Allow",
            "Principal": {"Service": "acm-pca.amazonaws.com"},
            "Action": [
                "s3:GetBucketAcl",
                "s3:GetBucketLocation",
                "s3:PutObject",
                "s3:PutObjectAcl",
            ],
            "Resource": [CRLS, f"{CRLS}/*"],
            "Condition": condition,
        }
    ]


# ---- permissions ---------------------------------------------------------------------------------


def each_function_may_do_what_it_does(check, stack):
    crls = f"arn:aws:s3:::{stack.crl_bucket}"
    truststore = "<TruststoreBucket>" if stack.name in NEW_CAS else "example-truststore"
    prefix = stack.given.get("CrlPrefix", "crl/")
    fetcher = [
        allow("ReadTruststore", "s3:GetObject", f"arn:aws:s3:::{truststore}/{stack.key}"),
        allow("ListCrls", "s3:ListBucket", crls, {"StringLike": {"s3:prefix": f"{prefix}*"}}),
        allow("ReadCrls", "s3:GetObject", f"{crls}/{prefix}*"),
        allow("PublishSnapshot", ["s3:GetObject", "s3:PutObject"], SNAPSHOT),
        allow("ReadOverrides", "s3:GetObject", OVERRIDES),
        allow("TellMissingFromForbidden", "s3:ListBucket", "<SnapshotBucket.Arn>"),
    ]
    if stack.name in CACHED:
        kind, api, stage = stack_api(stack)
        path = "apis" if kind == "http" else "restapis"
        arn = f"arn:aws:apigateway:us-east-1::/{path}/{api}/stages/{stage}/cache/authorizers"
        noted = f"{SNAPSHOT}.flushed"
        fetcher += [
            allow("FlushAuthorizerCache", "apigateway:DELETE", arn),
            allow("NoteFlushes", ["s3:GetObject", "s3:PutObject"], noted),
        ]
    failed = [allow(None, "sqs:SendMessage", "<RefreshFailures.Arn>")]
    writer = [
        allow(
            "WriteTruststore",
            ["s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"],
            f"{TRUST}/{stack.key}",
        ),
        allow(
            "FindVersions",
            "s3:ListBucketVersions",
            TRUST,
            {"StringEquals": {"s3:prefix": stack.key}},
        ),
        allow("TellMissingFromForbidden", "s3:ListBucket", TRUST),
    ]
    logs = ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
    expected = {
        "AuthorizerRole": (logs, [allow("ReadSnapshot", "s3:GetObject", SNAPSHOT)]),
        # SAM adds what sends to the queue of failures.
        "CrlFetcherRole": (logs, fetcher + failed),
        "CrlFetcherScheduleRole": (
            [],
            [allow(None, "lambda:InvokeFunction", "<CrlFetcher.Arn>")] + failed,
        ),
    }
    if stack.name in NEW_CAS:
        expected["TruststoreWriterRole"] = (logs, writer)
    if stack.name not in OWN_API:
        expected["SampleApiRole"] = (logs, [])
    roles = stack.of_type("AWS::IAM::Role")
    check.equal(stack, "roles", sorted(roles), sorted(expected))
    for name, role in roles.items():
        properties = role["Properties"]
        statements = [
            statement
            for policy in properties.get("Policies", [])
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        managed, allowed = expected.get(name, ([], []))
        actual = properties.get("ManagedPolicyArns", [])
        check.equal(stack, f"managed policies of {name}", actual, managed)
        check.equal(stack, name, in_order(statements), in_order(allowed))
    for kind in ["AWS::IAM::Policy", "AWS::IAM::User"]:
        check.equal(stack, kind, stack.of_type(kind), {})
    operator = {
        "Description": "Block certificates and public keys, and unblock them",
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                allow("WriteOverrides", ["s3:GetObject", "s3:PutObject"], OVERRIDES),
                allow("TellMissingFromForbidden", "s3:ListBucket", "<SnapshotBucket.Arn>"),
            ],
        },
    }
    policies = {
        name: policy["Properties"] for name, policy in stack.of_type("AWS::IAM::ManagedPolicy").items()
    }
    check.equal(stack, "managed policies", policies, {"OverridesPolicy": operator})


def in_order(statements):
    return sorted(statements, key=lambda statement: json.dumps(statement, sort_keys=True))


def allow(sid, actions, resource, condition=None):
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return (
        statement | ({"Sid": sid} if sid else {}) | ({"Condition": condition} if condition else {})
    )


def functions_are_called_by_whom_they_serve(check, stack):
    api = "<RestApi>" if stack.name in REST else "<HttpApi>"
    api = "a1b2c3d4e5" if stack.name in OWN_API else api
    arn = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}"
    gateway = "apigateway.amazonaws.com"
    # For the alias: API Gateway calls nothing else.
    expected = {
        ("<AuthorizerAliaslive>", gateway, f"{arn}/authorizers/*"),
        ("<CrlFetcher>", "events.amazonaws.com", "<CrlFetcherCrlWritten.Arn>"),
        ("<CrlFetcher>", "events.amazonaws.com", "<CrlFetcherOverridesWritten.Arn>"),
        ("<CrlFetcher>", "events.amazonaws.com", "<CrlFetcherCertificateRevoked.Arn>"),
    }
    if stack.name not in OWN_API:
        expected.add(("<SampleApi>", gateway, f"{arn}/*"))
    permissions = stack.of_type("AWS::Lambda::Permission").values()
    actual = [
        tuple(
            permission["Properties"].get(name)
            for name in ("FunctionName", "Principal", "SourceArn")
        )
        for permission in permissions
    ]
    check.equal(stack, "permissions", sorted(actual, key=str), sorted(expected))


# ---- functions -----------------------------------------------------------------------------------


def functions_run_as_asked(check, stack):
    timeouts = {"Authorizer": 8, "CrlFetcher": 300, "SampleApi": 5, "TruststoreWriter": 60}
    logs = {"Authorizer": "authorizer", "CrlFetcher": "crl-fetcher", "SampleApi": "sample-api"}
    logs["TruststoreWriter"] = "truststore"
    reserved = {
        "CrlFetcher": stack.given.get("FetcherReservedConcurrency", "1"),
        "Authorizer": stack.given.get("AuthorizerReservedConcurrency", "0"),
    }
    for name, function in stack.of_type("AWS::Lambda::Function").items():
        properties = function["Properties"]
        for property, expected in [
            ("Runtime", "provided.al2023"),
            ("Handler", "bootstrap"),
            ("Architectures", [stack.given.get("Architecture", "arm64")]),
            ("Timeout", timeouts[name]),
            (
                "LoggingConfig",
                {
                    "LogFormat": "JSON",
                    "ApplicationLogLevel": stack.given.get("LogLevel", "INFO"),
                    "LogGroup": f"<{name}Logs>",
                },
            ),
            ("Role", f"<{name}Role.Arn>"),
        ]:
            check.equal(stack, f"{name} {property}", properties.get(property), expected)
        limit = reserved.get(name, "0")
        actual = properties.get("ReservedConcurrentExecutions")
        check.equal(stack, f"{name} reserved", actual, None if limit == "0" else limit)
        group = {"LogGroupName": f"/aws/lambda/example-{logs[name]}", "RetentionInDays": 90}
        check.equal(stack, f"{name}Logs", stack.properties(f"{name}Logs"), group)


def alias_follows_every_parameter_of_the_authorizer(check, stack):
    alias = stack.properties("AuthorizerAliaslive")
    version = [name for name in stack.resources if name.startswith("AuthorizerVersion")]
    check.equal(stack, "versions of the authorizer", len(version), 1)
    expected = {
        "Name": "live",
        "FunctionName": "<Authorizer>",
        "FunctionVersion": f"<{version[0]}.Version>",
    }
    if executions := stack.given.get("AuthorizerProvisionedConcurrency"):
        expected["ProvisionedConcurrencyConfig"] = {"ProvisionedConcurrentExecutions": executions}
    check.equal(stack, "alias", alias, expected)


def fetcher_runs_by_schedule_and_by_event(check, stack):
    schedule = stack.properties("CrlFetcherSchedule")
    expression = stack.given.get("RefreshSchedule", "rate(5 minutes)")
    check.equal(stack, "schedule", schedule.get("ScheduleExpression"), expression)
    check.equal(stack, "name of the schedule", schedule.get("Name"), None)
    check.equal(stack, "state of the schedule", schedule.get("State", "ENABLED"), "ENABLED")
    check.equal(stack, "target of the schedule", schedule["Target"]["Arn"], "<CrlFetcher.Arn>")
    queue = {"Arn": "<RefreshFailures.Arn>"}
    check.equal(stack, "undelivered ticks", schedule["Target"].get("DeadLetterConfig"), queue)

    written = stack.properties("CrlFetcherCrlWritten")
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [stack.crl_bucket]}, "object": {"key": [{"suffix": ".crl"}]}},
    }
    check.equal(stack, "CRL written", written.get("EventPattern"), pattern)
    check.equal(stack, "CRL_BUCKET", stack.variable("CrlFetcher", "CRL_BUCKET"), stack.crl_bucket)
    overridden = stack.properties("CrlFetcherOverridesWritten")
    pattern["detail"] = {
        "bucket": {"name": ["<SnapshotBucket>"]},
        "object": {"key": ["overrides/overrides.json"]},
    }
    check.equal(stack, "overrides written", overridden.get("EventPattern"), pattern)
    for name, value in [
        ("OVERRIDES_BUCKET", "<SnapshotBucket>"),
        ("OVERRIDES_KEY", "overrides/overrides.json"),
    ]:
        check.equal(stack, name, stack.variable("CrlFetcher", name), value)
    # A CRL that is not announced is found by the schedule; a revocation is said once.
    for rule, seconds, attempts in [
        ("CrlFetcherCrlWritten", 3600, 10),
        ("CrlFetcherOverridesWritten", 3600, 10),
        ("CrlFetcherCertificateRevoked", 86400, 185),
    ]:
        retries = {"MaximumEventAgeInSeconds": seconds, "MaximumRetryAttempts": attempts}
        targets = [
            (t["Arn"], t.get("DeadLetterConfig"), t.get("RetryPolicy"))
            for t in stack.properties(rule)["Targets"]
        ]
        expected = [["<CrlFetcher.Arn>", queue, retries]]
        check.equal(stack, f"targets of {rule}", targets, expected)
    invoke = stack.properties("CrlFetcherEventInvokeConfig")
    check.equal(stack, "longest wait", invoke.get("MaximumEventAgeInSeconds"), 21600)
    check.equal(stack, "retries", invoke.get("MaximumRetryAttempts"), 2)

    rules = ["CrlWritten", "OverridesWritten", "CertificateRevoked"]
    reporting = [f"<CrlFetcher{rule}.Arn>" for rule in rules]
    expected = {}
    if stack.name in PRIVATE_CA:
        own = stack.given.get("ExistingCaArns", "").split(",")
        expected = {
            "Description": "AWS Private CA failed to write a CRL",
            "EventPattern": {
                "source": ["aws.acm-pca"],
                "detail-type": ["ACM Private CA CRL Generation"],
                "resources": ["<RootCa>", "<MtlsCa>"] if stack.name in NEW_CAS else own,
                "detail": {"result": ["failure"]},
            },
            "Targets": [{"Id": "RefreshFailures", "Arn": "<RefreshFailures.Arn>"}],
        }
        reporting.append("<CrlGenerationFailed.Arn>")
    check.equal(stack, "CRL not written", stack.properties("CrlGenerationFailed"), expected)

    failed = invoke.get("DestinationConfig")
    expected = {"OnFailure": {"Destination": "<RefreshFailures.Arn>"}}
    check.equal(stack, "refreshes that failed", failed, expected)
    statements = stack.properties("RefreshFailuresPolicy")["PolicyDocument"]["Statement"]
    expected = [
        {
            "Sid": "RulesReport",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "<RefreshFailures.Arn>",
            "Condition": {"ArnLike": {"aws:SourceArn": reporting}},
        },
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": "<RefreshFailures.Arn>",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    check.equal(stack, "policy of the queue", statements, expected)


def fetcher_is_told_what_its_cas_revoke(check, stack):
    """By the accounts that the function itself believes, of the CAs that are known by name."""
    accounts = stack.given.get("CaAccounts", ACCOUNT)
    pattern = {
        "source": ["aws.acm-pca"],
        "detail-type": ["ACM Private CA Certificate Revocation"],
        "account": accounts.split(","),
        "detail": {"result": ["success"]},
    }
    if stack.name in PRIVATE_CA:
        own = stack.given.get("ExistingCaArns", "").split(",")
        pattern["resources"] = ["<RootCa>", "<MtlsCa>"] if stack.name in NEW_CAS else own
    revoked = stack.properties("CrlFetcherCertificateRevoked")
    check.equal(stack, "certificate revoked", revoked.get("EventPattern"), pattern)
    check.equal(stack, "state of the rule", revoked.get("State", "ENABLED"), "ENABLED")
    for variable, expected in [
        ("CA_ACCOUNTS", accounts),
        ("CA_KEY_IDS", stack.given.get("CaKeyIds", "")),
        ("ANNOUNCEMENT_KEEP_DAYS", stack.given.get("AnnouncementKeepDays", 30)),
        ("UNCONFIRMED_AFTER_SECONDS", stack.given.get("UnconfirmedAfterSeconds", 7200)),
    ]:
        check.equal(stack, variable, stack.variable("CrlFetcher", variable), expected)


def what_api_gateway_caches_is_flushed(check, stack):
    caches = "{}:{}/{}".format(*stack_api(stack)) if stack.name in CACHED else ""
    for variable, expected in [
        ("AUTHORIZER_CACHES", caches),
        ("SNAPSHOT_HARD_AGE_SECONDS", stack.variable("Authorizer", "SNAPSHOT_HARD_AGE_SECONDS")),
        ("CACHE_SETTLE_SECONDS", "60"),
    ]:
        check.equal(stack, variable, stack.variable("CrlFetcher", variable), expected)


def stack_api(stack):
    """The kind of API that asks the authorizer, its id, and its stage."""
    kind = stack.given.get("ApiType", "HTTP").lower()
    if stack.name in OWN_API:
        return kind, "a1b2c3d4e5", stack.given["ExistingApiStage"]
    return (kind, "<RestApi>", "live") if kind == "rest" else (kind, "<HttpApi>", "$default")


# ---- the API -------------------------------------------------------------------------------------


def the_only_way_in_is_mutual_tls(check, stack):
    if stack.name in OWN_API:
        for kind in ["AWS::ApiGatewayV2::DomainName", "AWS::Route53::RecordSet"]:
            check.equal(stack, kind, stack.of_type(kind), {})
        return
    mutual = (
        {"TruststoreUri": "<Truststore.Uri>", "TruststoreVersion": "<Truststore.Version>"}
        if stack.name in NEW_CAS
        else {"TruststoreUri": "s3://example-truststore/truststore.pem"}
    )
    if version := stack.given.get("TruststoreVersion"):
        mutual["TruststoreVersion"] = version
    expected = {
        "DomainName": "api.example.com",
        "DomainNameConfigurations": [
            {
                "CertificateArn": "<ServerCertificate>",
                "EndpointType": "REGIONAL",
                "SecurityPolicy": "TLS_1_2",
            }
        ],
        "MutualTlsAuthentication": mutual,
    }
    check.equal(stack, "ApiDomain", stack.properties("ApiDomain"), expected)
    zone = "Z0123456789ABCDEFGHIJ"
    expected = {
        "DomainName": "api.example.com",
        "ValidationMethod": "DNS",
        "DomainValidationOptions": [{"DomainName": "api.example.com", "HostedZoneId": zone}],
    }
    check.equal(stack, "ServerCertificate", stack.properties("ServerCertificate"), expected)
    expected = {
        "Name": "api.example.com",
        "Type": "A",
        "HostedZoneId": zone,
        "AliasTarget": {
            "DNSName": "<ApiDomain.RegionalDomainName>",
            "HostedZoneId": "<ApiDomain.RegionalHostedZoneId>",
            "EvaluateTargetHealth": False,
        },
    }
    check.equal(stack, "DomainRecord", stack.properties("DomainRecord"), expected)
    rest = stack.name in REST
    expected = {
        "DomainName": "<ApiDomain>",
        "ApiId": "<RestApi>" if rest else "<HttpApi>",
        "Stage": "<RestApiliveStage>" if rest else "<HttpApiStage>",
    }
    check.equal(stack, "ApiMapping", stack.properties("ApiMapping"), expected)
    check.equal(stack, "Endpoint", stack.outputs["Endpoint"]["Value"], "https://api.example.com/")


def http_api_asks_the_authorizer_for_every_request(check, stack):
    if stack.name in REST | OWN_API:
        return
    api = {"Name": "example", "ProtocolType": "HTTP", "DisableExecuteApiEndpoint": True}
    if origin := stack.given.get("CorsAllowOrigin"):
        api["CorsConfiguration"] = {"AllowMethods": ["GET"], "AllowOrigins": [origin]}
    check.equal(stack, "HttpApi", stack.properties("HttpApi"), api)
    expected = {"ApiId": "<HttpApi>", "StageName": "$default", "AutoDeploy": True}
    check.equal(stack, "HttpApiStage", stack.properties("HttpApiStage"), expected)
    authorizer = {
        "ApiId": "<HttpApi>",
        "Name": "revocation",
        "AuthorizerType": "REQUEST",
        "AuthorizerPayloadFormatVersion": "2.0",
        "AuthorizerUri": ALIAS,
        "EnableSimpleResponses": stack.variable("Authorizer", "RESPONSE_FORMAT") == "simple",
        "AuthorizerResultTtlInSeconds": stack.given.get("AuthorizerCacheSeconds", 0),
    }
    if stack.name in CACHED:
        authorizer["IdentitySource"] = [f"$context.{CERTIFICATE}"]
    check.equal(stack, "authorizer", stack.properties("RevocationAuthorizer"), authorizer)
    routes = [route["Properties"] for route in stack.of_type("AWS::ApiGatewayV2::Route").values()]
    expected = {
        "ApiId": "<HttpApi>",
        "RouteKey": "$default",
        "AuthorizationType": "CUSTOM",
        "AuthorizerId": "<RevocationAuthorizer>",
        "Target": "integrations/<SampleIntegration>",
    }
    check.equal(stack, "routes", routes, [expected])
    expected = {
        "ApiId": "<HttpApi>",
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": "<SampleApi.Arn>",
        "PayloadFormatVersion": "2.0",
    }
    check.equal(stack, "integration", stack.properties("SampleIntegration"), expected)


def rest_api_asks_the_authorizer_for_every_request(check, stack):
    if stack.name not in REST:
        return
    api = stack.properties("RestApi")
    body = api["Body"]
    disabled = {"x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": True}}
    check.equal(stack, "servers", body.get("servers"), [disabled])
    check.equal(stack, "endpoint", api.get("EndpointConfiguration"), {"Types": ["REGIONAL"]})
    check.equal(stack, "FailOnWarnings", api.get("FailOnWarnings"), True)
    authorizer = {
        "type": "request",
        "authorizerUri": ALIAS,
        "authorizerResultTtlInSeconds": stack.given.get("AuthorizerCacheSeconds", 0),
    }
    if stack.name in CACHED:
        authorizer["identitySource"] = f"context.{CERTIFICATE}"
    scheme = {
        "type": "apiKey",
        "name": "Unused",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": authorizer,
    }
    expected = {"securitySchemes": {"revocation": scheme}}
    check.equal(stack, "components", body.get("components"), expected)
    method = {
        "security": [{"revocation": []}],
        "responses": {},
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": URI.format("<SampleApi.Arn>"),
        },
    }
    paths = {path: {"x-amazon-apigateway-any-method": method} for path in ["/", "/{proxy+}"]}
    check.equal(stack, "paths", body.get("paths"), paths)


def an_existing_api_is_told_how_to_attach(check, stack):
    attach = {name: o["Value"] for name, o in stack.outputs.items() if name.startswith("Attach")}
    if stack.name not in OWN_API:
        check.equal(stack, "outputs to attach by", attach, {})
        return
    seconds = stack.given.get("AuthorizerCacheSeconds", "0")
    if "ApiType" in stack.given:
        name = "AttachToRestApi"
        source = f"--identity-source context.{CERTIFICATE}" if stack.name in CACHED else ""
        expected = (
            "aws apigateway create-authorizer --region us-east-1 --rest-api-id a1b2c3d4e5"
            f" --name revocation --type REQUEST --authorizer-result-ttl-in-seconds {seconds}"
            f" {source} --authorizer-uri {ALIAS}"
        )
    else:
        name = "AttachToHttpApi"
        source = f"$context.{CERTIFICATE}" if stack.name in CACHED else "[]"
        expected = (
            f"{CLI} --authorizer-type REQUEST --authorizer-payload-format-version 2.0"
            f" --enable-simple-responses --authorizer-result-ttl-in-seconds {seconds}"
            f" --identity-source '{source}' --authorizer-uri {ALIAS}"
        )
    check.equal(stack, "outputs to attach by", attach, {name: expected})


# ---- watching it ---------------------------------------------------------------------------------

# What the functions write, but for NotRevoked, which Allowed is unless a switch or shadow mode allows.
MEASURED = {
    "Authorizer": [
        "Allowed",
        "Denied",
        "Revoked",
        "RevocationAnnounced",
        "Blocked",
        "KeyBlocked",
        "IssuerRevoked",
        "UnknownIssuer",
        "IssuerWithoutCrl",
        "MissingPartition",
        "CrlExpired",
        "IssuerStatusUnknown",
        "NoClientCertificate",
        "CertificateUnreadable",
        "CertificateNotYetValid",
        "CertificateExpired",
        "NotForClientAuth",
        "EventUnreadable",
        "RequestTime",
        "SnapshotAge",
        "RevalidationsUnchanged",
        "RevalidationsReplaced",
        "RevalidationsFailed",
        "NoSnapshot",
    ],
    "CrlFetcher": [
        "SourcesAccepted",
        "SourcesUnchanged",
        "SourcesRefused",
        "SourcesForeign",
        "SourcesVanished",
        "RefreshTime",
        "RevokedCertificates",
        "SnapshotSize",
        "Published",
        "RefreshFailed",
        "AnnouncedRevocations",
        "UnconfirmedRevocations",
        "AnnouncementsIgnored",
        "BlocksInForce",
        "BlocksWithoutCa",
        "OverridesRefused",
        "CacheFlushes",
        "CacheFlushFailed",
    ],
}
# By the CA; in an alarm the worst of them.
PER_CA = ["CrlAge", "CrlLifeElapsed", "TimeToNextUpdate"]


def alarms_go_off_when_they_should(check, stack):
    actual = stack.of_type("AWS::CloudWatch::Alarm")
    if stack.given.get("Monitoring") == "no":
        check.equal(stack, "alarms", sorted(actual), [])
        return
    ours, function = "CrlAuthorizer", "AWS/Lambda"
    once = {"EvaluationPeriods": 1, "TreatMissingData": "notBreaching"}
    unknown = {"Statistic": "Sum", "Period": 300, **once}
    outage = {"Statistic": "Sum", "Period": 60, **once}
    refresh = {"Period": 300, "EvaluationPeriods": 3, "DatapointsToAlarm": 2}
    refresh["TreatMissingData"] = "notBreaching"
    half_an_hour = {"EvaluationPeriods": 6, "TreatMissingData": "notBreaching"}
    life = {"Period": 300, "EvaluationPeriods": 1, "TreatMissingData": "ignore"}
    hard_age = stack.given.get("SnapshotHardAgeSeconds", 300)
    expected = {
        "refresh-fails": at_least(1, metric(function, "Errors", "CrlFetcher"), refresh, "Sum"),
        "refresh-missing": {
            "Metrics": [
                {
                    "Id": "refreshes",
                    "Expression": "FILL(invocations, 0)",
                    "Label": "Refreshes",
                    "ReturnData": True,
                },
                {
                    "Id": "invocations",
                    "ReturnData": False,
                    "MetricStat": {
                        "Metric": metric(function, "Invocations", "CrlFetcher"),
                        "Period": stack.given.get("RefreshMissingSeconds", 900),
                        "Stat": "Sum",
                    },
                },
            ],
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "LessThanThreshold",
            "TreatMissingData": "breaching",
        },
        "refresh-failures-queued": at_least(
            1,
            {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": "<RefreshFailures.QueueName>"}],
            },
            life,
            "Maximum",
        ),
        "crl-refused": at_least(
            1, metric(ours, "SourcesRefused", "CrlFetcher"), refresh, "Maximum"
        ),
        "crl-not-renewed": {
            **metric(ours, "CrlLifeElapsed", "CrlFetcher"),
            **life,
            "Statistic": "Maximum",
            "Threshold": stack.given.get("CrlAgeAlarmPercent", 60),
            "ComparisonOperator": "GreaterThanThreshold",
        },
        "crl-near-next-update": {
            **metric(ours, "TimeToNextUpdate", "CrlFetcher"),
            **life,
            "Statistic": "Minimum",
            "Threshold": stack.given.get("CrlExpiryAlarmSeconds", 21600),
            "ComparisonOperator": "LessThanThreshold",
        },
        "unconfirmed-revocations": at_least(
            1, metric(ours, "UnconfirmedRevocations", "CrlFetcher"), life, "Maximum"
        ),
        "overrides-refused": at_least(
            1, metric(ours, "OverridesRefused", "CrlFetcher"), life, "Maximum"
        ),
        "cache-not-flushed": at_least(
            1,
            metric(ours, "CacheFlushFailed", "CrlFetcher"),
            {"Period": 300, **once},
            "Maximum",
        ),
        "snapshot-stale": at_least(
            60,
            {
                "Metrics": [
                    {
                        "Id": "beyond",
                        "Expression": f"age - {hard_age}",
                        "Label": "Seconds beyond SnapshotHardAgeSeconds",
                        "ReturnData": True,
                    },
                    {
                        "Id": "age",
                        "ReturnData": False,
                        "MetricStat": {
                            "Metric": metric(ours, "SnapshotAge", "Authorizer"),
                            "Period": 300,
                            "Stat": "Maximum",
                        },
                    },
                ],
                "DatapointsToAlarm": 2,
            },
            half_an_hour,
        ),
        "revalidations-fail": at_least(
            1,
            metric(ours, "RevalidationsFailed", "Authorizer"),
            {**half_an_hour, "Period": 300, "DatapointsToAlarm": 3},
            "Sum",
        ),
        "no-snapshot": at_least(1, metric(ours, "NoSnapshot", "Authorizer"), outage),
        "authorizer-errors": at_least(1, metric(function, "Errors", "Authorizer"), outage),
        "authorizer-throttled": at_least(1, metric(function, "Throttles", "Authorizer"), outage),
        # Half of the function's own time limit.
        "authorizer-slow": at_least(
            4000,
            metric(function, "Duration", "Authorizer"),
            {**half_an_hour, "Period": 300, "DatapointsToAlarm": 2},
            "Maximum",
        ),
        "unknown-issuer": at_least(1, metric(ours, "UnknownIssuer", "Authorizer"), unknown),
        "issuer-without-crl": at_least(1, metric(ours, "IssuerWithoutCrl", "Authorizer"), unknown),
        "missing-partition": at_least(1, metric(ours, "MissingPartition", "Authorizer"), unknown),
        "crl-expired": at_least(1, metric(ours, "CrlExpired", "Authorizer"), unknown),
        "issuer-status-unknown": at_least(
            1, metric(ours, "IssuerStatusUnknown", "Authorizer"), unknown
        ),
    }
    topic = stack.given.get("AlarmTopicArn")
    told = {"AlarmActions": [topic], "OKActions": [topic]} if topic else {}
    by_name = {}
    for alarm in actual.values():
        properties = dict(alarm["Properties"])
        name = properties.pop("AlarmName").removeprefix("example-")
        described = properties.pop("AlarmDescription").endswith(f" (docs/operations.md#{name})")
        check.holds(stack, f"the description of {name} ends with its section", described)
        by_name[name] = properties
    check.equal(stack, "alarms", sorted(by_name), sorted(expected))
    for name, properties in expected.items():
        check.equal(stack, f"alarm {name}", by_name.get(name), {**properties, **told})


def metric(namespace, name, function):
    dimensions = [{"Name": "FunctionName", "Value": f"<{function}>"}]
    return {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}


def at_least(threshold, what, when, statistic=None):
    statistic = {"Statistic": statistic} if statistic else {}
    operator = "GreaterThanOrEqualToThreshold"
    return what | when | statistic | {"Threshold": threshold, "ComparisonOperator": operator}


def dashboard_shows_all_that_is_measured(check, stack):
    dashboard = stack.properties("Dashboard")
    if stack.given.get("Monitoring") == "no":
        check.equal(stack, "dashboard", dashboard, {})
        return
    check.equal(stack, "its name", dashboard.get("DashboardName"), "example-us-east-1")
    # What is left of Sub: an escaped brace is CloudWatch's.
    widgets = json.loads(dashboard["DashboardBody"].replace("${!", "${"))["widgets"]
    taken = set()
    for widget in widgets:
        title = widget["properties"]["title"]
        columns = range(widget["x"], widget["x"] + widget["width"])
        rows = range(widget["y"], widget["y"] + widget["height"])
        cells = {(column, row) for column in columns for row in rows}
        check.holds(stack, f"{title}: in 24 columns", columns.stop <= 24)
        check.equal(stack, f"{title}: what it covers", sorted(cells & taken), [])
        taken |= cells
    shown = [alarm for w in widgets if w["type"] == "alarm" for alarm in w["properties"]["alarms"]]
    alarms = [f"<{name}.Arn>" for name in stack.of_type("AWS::CloudWatch::Alarm")]
    check.equal(stack, "alarms on the dashboard", sorted(shown), sorted(alarms))
    graphs = [widget["properties"] for widget in widgets if widget["type"] == "metric"]
    check.equal(stack, "regions", sorted({graph["region"] for graph in graphs}), ["us-east-1"])
    lines = [line for graph in graphs for line in graph["metrics"]]
    expected = [
        ("CrlAuthorizer", name, "FunctionName", f"<{function}>")
        for function, names in MEASURED.items()
        for name in names
    ]
    expected += [
        ("AWS/Lambda", name, "FunctionName", "<Authorizer>")
        for name in ["ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"]
    ]
    expected += [
        ("AWS/Lambda", name, "FunctionName", "<CrlFetcher>")
        for name in ["Duration", "Errors", "Invocations"]
    ]
    queue = "<RefreshFailures.QueueName>"
    expected.append(("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue))
    named = {tuple(line[:4]) for line in lines if len(line) >= 4}
    check.equal(stack, "metrics on the dashboard", sorted(named), sorted(expected))
    searches = sorted(line[0]["expression"] for line in lines if len(line) == 1)
    # CloudWatch splits names at points and capitals: finds SourcesRefused and every Refused.<code>.
    expected = ["SEARCH('{CrlAuthorizer,FunctionName} MetricName=Refused FunctionName="]
    expected += [
        f"SEARCH('{{CrlAuthorizer,FunctionName,Issuer}} MetricName=\"{name}\" FunctionName="
        for name in PER_CA
    ]
    actual = [search.partition('"<CrlFetcher>"')[0] for search in searches]
    check.equal(stack, "searches on the dashboard", actual, sorted(expected))
    url = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
    actual = stack.outputs.get("Dashboard", {}).get("Value")
    check.equal(stack, "Dashboard", actual, f"{url}#dashboards/dashboard/<Dashboard>")


def queries_read_the_logs_they_are_about(check, stack):
    authorizer, fetcher = ["<AuthorizerLogs>"], ["<CrlFetcherLogs>"]
    expected = {
        "Denials by reason": authorizer,
        "Denials by subject": authorizer,
        "Denials over time": authorizer,
        "Last denials": authorizer,
        "One request or trace": authorizer,
        "Slow requests": authorizer,
        "Cold starts and memory": authorizer,
        "Refreshes": fetcher,
        "Refused CRLs": fetcher,
        "Announcements": fetcher,
        "Flushes": fetcher,
        "CAs in trouble": fetcher,
        "Warnings and errors": authorizer + fetcher,
    }
    queries = [query["Properties"] for query in stack.of_type("AWS::Logs::QueryDefinition").values()]
    actual = {q["Name"].removeprefix("example/"): q["LogGroupNames"] for q in queries}
    check.equal(stack, "log groups of queries", actual, expected)
    for query in queries:
        commands = [line.split()[0] for line in re.split(r"(?:^|\n)\| ", query["QueryString"])]
        known = {"fields", "filter", "limit", "sort", "stats"}
        check.equal(stack, f"commands of {query['Name']}", sorted(set(commands) - known), [])


# ---- across stacks -------------------------------------------------------------------------------


def rules_refuse_what_cannot_work(check, template):
    for name, given in transform.VARIANTS.items():
        stack = type("Combination", (), {"name": name})
        against = transform.refusals(template, transform.with_defaults(template, given))
        check.equal(stack, "what the rules have against it", against, [])
    for name, (given, word) in transform.REFUSED.items():
        stack = type("Combination", (), {"name": name})
        against = transform.refusals(template, transform.with_defaults(template, given))
        check.holds(
            stack, f"refused with {word!r}, but: {against}", any(word in a for a in against)
        )


def another_configuration_is_another_version(check, template):
    """What the version says of itself changes with each parameter that the function is given."""
    other = {"deny": "allow", "enforce": "shadow", "simple": "iam"}
    other |= {"arm64": "x86_64", "INFO": "WARN"}
    resource = template["Resources"]["Authorizer"]["Properties"]
    # What concerns the alias or the function as a whole, and no version of it.
    aside = {"ReservedConcurrentExecutions", "ProvisionedConcurrencyConfig", "VersionDescription"}
    configuration = [value for name, value in resource.items() if name not in aside]
    text = str([template["Globals"]["Function"], configuration])
    names = set(re.findall(r"'Ref': '(\w+)'", text)) & set(template["Parameters"])
    stack = type("Combination", (), {"name": "default"})
    check.holds(stack, "the authorizer has parameters", len(names) >= 10)

    def description(given):
        parameters = transform.with_defaults(template, {**transform.NEW_API, **given})
        return transform.Decider({}, parameters).value(resource.get("VersionDescription"))

    usual = description({})
    check.holds(stack, "a version's description fits", len(str(usual)) <= 256)
    for name in sorted(names):
        default = str(template["Parameters"][name]["Default"])
        changed = description({name: other.get(default, f"{default}1")})
        check.holds(stack, f"a change of {name} reaches the alias", changed != usual)


STACKS = [
    nothing_refers_to_what_is_not_there,
    a_stack_holds_what_was_asked_for,
    what_is_needed_is_made_before,
    root_signs_the_ca_that_signs_clients,
    truststore_holds_both_cas,
    buckets_are_private_versioned_encrypted_and_tls_only,
    each_function_may_do_what_it_does,
    functions_are_called_by_whom_they_serve,
    functions_run_as_asked,
    alias_follows_every_parameter_of_the_authorizer,
    fetcher_runs_by_schedule_and_by_event,
    fetcher_is_told_what_its_cas_revoke,
    what_api_gateway_caches_is_flushed,
    the_only_way_in_is_mutual_tls,
    http_api_asks_the_authorizer_for_every_request,
    rest_api_asks_the_authorizer_for_every_request,
    an_existing_api_is_told_how_to_attach,
    alarms_go_off_when_they_should,
    dashboard_shows_all_that_is_measured,
    queries_read_the_logs_they_are_about,
]
TEMPLATE = [rules_refuse_what_cannot_work, another_configuration_is_another_version]


def run(text, variants=tuple(transform.VARIANTS)):
    """The failures of a template's text, and how many values were looked at."""
    template = transform.parse(text)
    check = Checks()
    for name in variants:
        parameters = transform.with_defaults(template, transform.VARIANTS[name])
        stack = Stack(
            name, transform.decided(transform.transform(template, parameters), parameters)
        )
        for assertion in STACKS:
            guarded(check, assertion, stack, name)
    for assertion in TEMPLATE:
        guarded(check, assertion, template, "template")
    return check


def guarded(check, assertion, subject, name):
    """What an assertion looks up may be missing altogether."""
    try:
        assertion(check, subject)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        message = f"{assertion.__name__}: {type(error).__name__} {error}"
        check.failures.setdefault(message, []).append(name)


def main(source):
    check = run(pathlib.Path(source).read_text(encoding="utf-8"))
    for failure, where in check.failures.items():
        print(f"{', '.join(where)}: {failure}")
    print(f"{check.count} values in {len(transform.VARIANTS)} stacks, {len(check.failures)} wrong")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
