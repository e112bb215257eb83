package config

import (
	"strings"
	"testing"
)

func TestTheHouseKeyIsInOnePlaceAndNeverInTheConfiguration(t *testing.T) {
	t.Parallel()
	const vault = "key_url: 'hcvault://vault.example:8200/transit/keys/house'"
	const aws = "key_url: 'aws-kms://arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'"
	const google = "key_url: 'gcp-kms://projects/example.com:practices/locations/us-east1/keyRings/bulkhead/cryptoKeys/house'"
	cases := []struct{ text, want string }{
		{"{}", ""},
		{"{key_file: /k/house.json}", ""},
		{"{key_env: HOUSE_KEY}", ""},
		{"{" + vault + ", token_file: /k/token, namespace: team}", ""},
		{"{" + vault + ", token_env: VAULT_TOKEN}", ""},
		{"{key_file: /k/house.json, key_env: HOUSE_KEY}", "one of key_file, key_env and key_url"},
		{`{key_file: '{"primaryKeyId": 1}'}`, "not the key itself"},
		{`{key_env: '{"primaryKeyId": 1}'}`, "not the key itself"},
		{"{" + vault + "}", "needs token_file or token_env"},
		{"{" + vault + ", token_file: /k/token, token_env: VAULT_TOKEN}", "not both"},
		{"{" + vault + ", token_env: 's.abc def'}", "not the token itself"},
		{"{key_url: 'https://vault.example/v1/transit/keys/house', token_env: T}", "must be hcvault://"},
		{"{key_url: 'hcvault://me:secret@vault.example/transit/keys/house', token_env: T}", "must be hcvault://"},
		{"{key_url: 'hcvault://vault.example/transit/house', token_env: T}", "must be hcvault://"},
		{"{key_file: /k/house.json, token_env: T}", "is for a key_url"},
		{"{key_file: /k/house.json, namespace: team}", "is for a key_url"},
		{"{" + aws + "}", ""},
		{"{" + aws + ", endpoint: 'https://vpce-1.kms.us-east-1.vpce.amazonaws.com'}", ""},
		{"{" + aws + ", endpoint: 'http://127.0.0.1:4566/'}", ""},
		{"{" + google + "}", ""},
		{"{" + google + ", former: {key_file: /k/house.json}}", ""},
		{"{key_file: /k/house.json, former: {" + vault + ", token_env: T}}", ""},
		{"{key_url: 'aws-kms://arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/bulkhead/house'}", ""},
		{"{key_url: 'aws-kms://arn:aws:s3:us-east-1:123456789012:key/house'}", "must be hcvault://"},
		{"{key_url: 'aws-kms://us-east-1/key/house'}", "aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID"},
		{"{key_url: 'gcp-kms://projects/p/locations/us/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1'}", "gcp-kms://projects/P"},
		{"{" + aws + ", token_env: T}", "is for a key_url that begins with hcvault://"},
		{"{" + google + ", namespace: team}", "is for a key_url that begins with hcvault://"},
		{"{" + vault + ", token_env: T, endpoint: 'https://vault.example'}", "begins with aws-kms:// or gcp-kms://"},
		{"{key_file: /k/house.json, endpoint: 'https://kms.example'}", "begins with aws-kms:// or gcp-kms://"},
		{"{" + aws + ", endpoint: 'http://kms.example'}", "http:// is for this machine only"},
		{"{" + aws + ", endpoint: 'https://me:secret@kms.example'}", "must be https://HOST[:PORT]"},
		{"{" + aws + ", former: {}}", "must have one of key_file, key_env and key_url"},
		{"{former: {key_file: /k/house.json}}", "is for a house key that another one replaces"},
		{"{" + aws + ", former: {key_file: /k/a, former: {key_file: /k/b}}}", "is not a field here"},
		{"{" + aws + ", former: {key_file: /k/a, key_env: A}}", "not several"},
	}
	for _, c := range cases {
		got, err := Parse("bulkhead.yaml", []byte("encryption: "+c.text))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
		if err == nil && got.Encryption.On() != (c.text != "{}") {
			t.Errorf("%s: on = %v", c.text, got.Encryption.On())
		}
		if err == nil && got.Encryption.On() != strings.HasPrefix(got.Encryption.Standing(), "encryption at rest: on") {
			t.Errorf("%s: %s", c.text, got.Encryption.Standing())
		}
	}
	e := Encryption{KeyURL: "hcvault://vault.example:8200/team/transit/keys/house"}
	if address, mount, name, ok := e.Vault(); address != "https://vault.example:8200" || mount != "team/transit" || name != "house" || !ok {
		t.Errorf("Vault = %q, %q, %q, %v", address, mount, name, ok)
	}
	e = Encryption{KeyURL: "aws-kms://arn:aws-cn:kms:cn-north-1:123456789012:alias/house"}
	if arn, region, ok := e.AWSKey(); arn != "arn:aws-cn:kms:cn-north-1:123456789012:alias/house" || region != "cn-north-1" || !ok {
		t.Errorf("AWSKey = %q, %q, %v", arn, region, ok)
	}
	e = Encryption{KeyURL: "gcp-kms://projects/p/locations/us/keyRings/r/cryptoKeys/k"}
	if name, ok := e.GoogleKey(); name != "projects/p/locations/us/keyRings/r/cryptoKeys/k" || !ok {
		t.Errorf("GoogleKey = %q, %v", name, ok)
	}
}

func TestPathsOfAFormerHouseKeyAreTakenAgainstTheFolderOfTheFile(t *testing.T) {
	t.Parallel()
	got, err := Parse("/etc/bulkhead/bulkhead.yaml", []byte("encryption: {key_file: keys/new.json, former: {key_file: keys/old.json}}"))
	if err != nil {
		t.Fatal(err)
	}
	if e := got.Encryption; e.KeyFile != "/etc/bulkhead/keys/new.json" || e.Former.KeyFile != "/etc/bulkhead/keys/old.json" {
		t.Errorf("the keys are %q and %q", e.KeyFile, e.Former.KeyFile)
	}
}
