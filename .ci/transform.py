"""Writes the plain CloudFormation that SAM makes of template.yaml, for cfn-lint to read.

Linters know a SAM resource by its outside only. What it expands to is where a misspelt property, a
resource that does not exist or a runtime that AWS does not have is seen.
"""

import json
import sys

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# Parameters that have no default are the ones a deployment must be given.
EXAMPLES = {
    "DomainName": "api.example.com",
    "HostedZoneId": "Z0123456789ABCDEFGHIJ",
    "TruststoreBucket": "example-truststore",
}


def main(source, target):
    with open(source, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # The translator wants built code; where it lies makes no difference to the result.
            resource["Properties"]["CodeUri"] = "s3://example-artifacts/function.zip"
    parameters = {
        name: EXAMPLES[name] if name in EXAMPLES else parameter["Default"]
        for name, parameter in template["Parameters"].items()
    }
    # Only partition and endpoint names are asked of the session: no credentials, no network.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    transformed = translator.translate(template, parameters)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(transformed, file, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
