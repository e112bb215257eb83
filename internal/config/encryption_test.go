package config

import (
	"strings"
	"testing"
)

func TestTheHouseKeyIsInOnePlaceAndNeverInTheConfiguration(t *testing.T) {
	t.Parallel()
	const vault = "key_url: 'hcvault://vault.example:8200/transit/keys/house'"
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
		{"{key_file: /k/house.json, token_env: T}", "is for key_url"},
		{"{key_file: /k/house.json, namespace: team}", "is for key_url"},
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
}
