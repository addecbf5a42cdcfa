"""Turns template.yaml into the plain CloudFormation of every combination of parameters that is
meant to work, for cfn-lint, checkov and check_template.py to read.

Linters know a SAM resource by its outside only. What it expands to is where a misspelt property, a
resource that does not exist or a runtime that AWS does not have is seen. And they see conditions in
the abstract: what a stack with these parameters holds is seen once they are decided, a reference to
what is not in it for one.
"""

import json
import logging
import pathlib
import re
import sys

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# Remarks on features and metrics of the service that SAM is elsewhere.
logging.getLogger("samtranslator").setLevel(logging.CRITICAL)

NEW_API = {"DomainName": "api.example.com", "HostedZoneId": "Z0123456789ABCDEFGHIJ"}
OWN_TRUSTSTORE = {"ExistingTruststoreBucket": "example-truststore"}
OWN_CAS = {
    "ExistingCaArns": ",".join(
        f"arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/{ca}"
        for ca in ("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222")
    )
}
OWN_CRLS = {"ExistingCrlBucket": "example-crls"}
OWN_API = {"ExistingApiId": "a1b2c3d4e5"}

VARIANTS = {
    "default": NEW_API,
    "rest": {**NEW_API, "ApiType": "REST"},
    "partitioned": {**NEW_API, "CrlType": "PARTITIONED", "CrlExpirationDays": "30"},
    "cached": {**NEW_API, "AuthorizerCacheSeconds": "60"},
    "rest-cached": {**NEW_API, "ApiType": "REST", "AuthorizerCacheSeconds": "60"},
    "provisioned": {
        **NEW_API,
        "AuthorizerProvisionedConcurrency": "2",
        "AuthorizerReservedConcurrency": "20",
    },
    "tuned": {
        **NEW_API,
        "Architecture": "x86_64",
        "Mode": "shadow",
        "ResponseFormat": "iam",
        "RefreshSchedule": "cron(0/10 * * * ? *)",
        "FetcherReservedConcurrency": "0",
        "CorsAllowOrigin": "http://localhost:8080",
        "TruststoreKey": "trust/clients.pem",
    },
    "watched": {
        **NEW_API,
        "AlarmTopicArn": "arn:aws:sns:us-east-1:111122223333:operators",
        "RefreshSchedule": "rate(1 hour)",
        "RefreshMissingSeconds": "10800",
        "CrlAgeAlarmPercent": "90",
        "CrlExpiryAlarmSeconds": "3600",
        "SnapshotSoftAgeSeconds": "0.5",
        "SnapshotHardAgeSeconds": "600",
        "RequireClientAuthEku": "yes",
        "MetricsIntervalSeconds": "60",
        "UnconfirmedAfterSeconds": "10800",
        "LogLevel": "DEBUG",
    },
    "unwatched": {**NEW_API, "Monitoring": "no", "LogLevel": "WARN"},
    "own-crl-bucket": {**NEW_API, **OWN_CRLS},
    "own-truststore": {**NEW_API, **OWN_TRUSTSTORE, "TruststoreVersion": "v1"},
    "own-cas": {
        **NEW_API,
        **OWN_TRUSTSTORE,
        **OWN_CAS,
        "CaAccounts": "111122223333,444455556666",
        "CaKeyIds": "11223344-1234=0a:0B:0c,aabbccdd-1234=ff",
        "AnnouncementKeepDays": "90",
    },
    "own-cas-rest": {**NEW_API, **OWN_TRUSTSTORE, **OWN_CAS, **OWN_CRLS, "ApiType": "REST"},
    "own-api": {**OWN_TRUSTSTORE, **OWN_API, **OWN_CRLS},
    "own-api-rest": {**OWN_TRUSTSTORE, **OWN_API, **OWN_CAS, "ApiType": "REST"},
    "own-api-cached": {
        **OWN_TRUSTSTORE,
        **OWN_API,
        **OWN_CRLS,
        "AuthorizerCacheSeconds": "60",
        "ExistingApiStage": "$default",
        "CrlPrefix": "ca/",
    },
    "own-api-rest-cached": {
        **OWN_TRUSTSTORE,
        **OWN_API,
        **OWN_CRLS,
        "ApiType": "REST",
        "AuthorizerCacheSeconds": "60",
        "ExistingApiStage": "prod",
        "SnapshotHardAgeSeconds": "30",
    },
}

# Each with a word of the sentence that refuses it.
REFUSED = {
    "no domain name": ({}, "DomainName is missing"),
    "no hosted zone": ({"DomainName": "api.example.com"}, "HostedZoneId is missing"),
    "two APIs": ({**NEW_API, **OWN_TRUSTSTORE, **OWN_API}, "keeps its domain name"),
    "an API that trusts nobody": (OWN_API, "Give ExistingTruststoreBucket"),
    "a cache that nobody flushes": (
        {**OWN_TRUSTSTORE, **OWN_API, "AuthorizerCacheSeconds": "60"},
        "Give ExistingApiStage",
    ),
    "CORS for a REST API": (
        {**NEW_API, "ApiType": "REST", "CorsAllowOrigin": "*"},
        "HTTP API only",
    ),
    "CORS for an existing API": (
        {**OWN_TRUSTSTORE, **OWN_API, "CorsAllowOrigin": "*"},
        "HTTP API only",
    ),
    "CAs that nobody trusts": ({**NEW_API, **OWN_CAS}, "a truststore that holds them"),
    "a version of a new truststore": (
        {**NEW_API, "TruststoreVersion": "v1"},
        "TruststoreVersion is",
    ),
    "new CAs elsewhere": ({**NEW_API, "CrlPrefix": "other/"}, "Leave out CrlPrefix"),
    "one bucket": (
        {**NEW_API, **OWN_TRUSTSTORE, "ExistingCrlBucket": "example-truststore"},
        "Use two buckets",
    ),
    "metrics that are not logged": ({**NEW_API, "LogLevel": "WARN"}, "alarms would be silent"),
    "metrics that are logged still less": (
        {**NEW_API, "LogLevel": "ERROR"},
        "alarms would be silent",
    ),
    "a topic without alarms": (
        {**NEW_API, "Monitoring": "no", "AlarmTopicArn": "arn:aws:sns:us-east-1:111122223333:ops"},
        "Leave out AlarmTopicArn",
    ),
}

PSEUDO = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "example",
    "AWS::URLSuffix": "amazonaws.com",
}


def parse(text):
    """The template as `sam build` leaves it, but for the code, which lies somewhere."""
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://example-artifacts/function.zip"
    return template


def with_defaults(template, given):
    parameters = template["Parameters"]
    unknown = set(given) - set(parameters)
    assert not unknown, f"no such parameters: {unknown}"
    return {
        name: given[name] if name in given else str(parameter["Default"])
        for name, parameter in parameters.items()
    }


def refusals(template, parameters):
    """What the template's Rules, and the patterns of its parameters, have against them."""
    against = []
    for name, parameter in template["Parameters"].items():
        value = parameters[name]
        if not re.search(parameter.get("AllowedPattern", ""), value):
            against.append(f"{name} does not match its pattern: {value}")
        if value not in map(str, parameter.get("AllowedValues", [value])):
            against.append(f"{name} is not one of its values: {value}")
    decide = Decider({}, parameters)
    for rule in template["Rules"].values():
        if "RuleCondition" not in rule or decide.holds(rule["RuleCondition"]):
            against += [
                assertion["AssertDescription"]
                for assertion in rule["Assertions"]
                if not decide.holds(assertion["Assert"])
            ]
    return against


def transform(template, parameters):
    """What SAM makes of it, conditions and all."""
    # Only partition and endpoint names are asked of the session: no credentials, no network.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    return translator.translate(json.loads(json.dumps(template)), dict(parameters))


def decided(transformed, parameters):
    """What a stack with these parameters holds: conditions and parameters are gone."""
    decide = Decider(transformed["Conditions"], {**parameters, **PSEUDO})
    sections = {"AWSTemplateFormatVersion": transformed["AWSTemplateFormatVersion"]}
    for section in ("Resources", "Outputs"):
        sections[section] = {
            name: decide.value({key: value for key, value in body.items() if key != "Condition"})
            for name, body in transformed[section].items()
            if "Condition" not in body or decide.condition(body["Condition"])
        }
    return sections


class Decider:
    """Evaluates intrinsic functions as far as parameters decide them."""

    NOTHING = object()

    def __init__(self, conditions, parameters):
        self.conditions = conditions
        self.parameters = parameters

    def condition(self, name):
        return self.holds(self.conditions[name])

    def holds(self, function):
        ((name, argument),) = function.items()
        match name:
            case "Condition":
                return self.condition(argument)
            case "Fn::Equals":
                one, other = map(self.value, argument)
                return str(one) == str(other)
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(map(self.holds, argument))
            case "Fn::Or":
                return any(map(self.holds, argument))
        raise ValueError(f"not a condition: {function}")

    def value(self, value):
        if isinstance(value, list):
            items = map(self.value, value)
            return [item for item in items if item is not self.NOTHING]
        if not isinstance(value, dict):
            return value
        match value:
            case {"Ref": "AWS::NoValue"}:
                return self.NOTHING
            case {"Ref": name} if name in self.parameters:
                return self.parameters[name]
            case {"Fn::If": [condition, then, otherwise]}:
                return self.value(then if self.condition(condition) else otherwise)
            case {"Fn::Split": [separator, text]}:
                return self.value(text).split(separator)
            case {"Fn::Sub": [text, variables]}:
                return self.sub(text, self.value(variables))
            case {"Fn::Sub": text}:
                return self.sub(text, {})
        pairs = ((key, self.value(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not self.NOTHING}

    def sub(self, text, variables):
        known = {**self.parameters, **{k: v for k, v in variables.items() if isinstance(v, str)}}
        text = re.sub(r"\$\{([\w:]+)\}", lambda m: known.get(m[1], m[0]), text)
        left = {name: value for name, value in variables.items() if f"${{{name}}}" in text}
        if left:
            return {"Fn::Sub": [text, left]}
        return {"Fn::Sub": text} if "${" in text else text


def main(source, folder):
    template = parse(pathlib.Path(source).read_text(encoding="utf-8"))
    for name, given in VARIANTS.items():
        parameters = with_defaults(template, given)
        stack = decided(transform(template, parameters), parameters)
        target = pathlib.Path(folder) / f"{name}.json"
        target.write_text(json.dumps(stack, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
