package atrest

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest/atresttest"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// by gives the keys of a process that starts now, with a house key of its own.
func (p *place) by(e config.Encryption) *Keys {
	p.t.Helper()
	house, err := OpenHouse(&config.Config{Folder: p.dir, Encryption: e}, new(http.Client))
	if err != nil {
		p.t.Fatal(err)
	}
	return New(Options{Folder: filepath.Join(p.dir, FolderName), House: house, Ledger: p.ledger})
}

// opens reads what a practice has by the keys of a process that starts now.
func (p *place) opens(e config.Encryption, tenant string, stored []byte) error {
	p.t.Helper()
	got, err := unseal(p.t, p.by(e), tenant, "a", stored)
	if err == nil && string(got) != "content" {
		p.t.Errorf("%s reads %q", tenant, got)
	}
	return err
}

// wantWeather demands an error that is waited out, and that a person is told of
// in words.
func wantWeather(t *testing.T, err error) {
	t.Helper()
	if _, told := errors.AsType[*problem.Problem](err); err == nil || told {
		t.Errorf("it is no weather: %v", err)
	}
	wantCode(t, Explain(err), problem.HouseKeyMissing)
}

// An interop is where a real key service of AWS's kind is, for make interop;
// empty in every other run, which asks the one of atresttest.
var interop = struct{ endpoint, key, other string }{os.Getenv("INTEROP_AWS_KMS"), os.Getenv("INTEROP_AWS_KEY"), os.Getenv("INTEROP_AWS_OTHER_KEY")}

// awsHouse gives a key of AWS KMS, another one that does not open what it wraps,
// and the problem that says so. moto answers AccessDeniedException where AWS
// answers IncorrectKeyException.
func awsHouse(t *testing.T) (house, other config.Encryption, wrong problem.Code) {
	t.Helper()
	if interop.endpoint != "" {
		(*atresttest.AWS)(nil).Environ(t)
		return config.Encryption{KeyURL: "aws-kms://" + interop.key, Endpoint: interop.endpoint},
			config.Encryption{KeyURL: "aws-kms://" + interop.other, Endpoint: interop.endpoint}, problem.HouseKeyMissing
	}
	a := atresttest.NewAWS(t)
	a.Environ(t)
	a.PointAlias()
	return awsConfig(a, atresttest.AWSARN), awsConfig(a, atresttest.AWSAlias), problem.HouseKeyWrong
}

func awsConfig(a *atresttest.AWS, arn string) config.Encryption {
	return config.Encryption{KeyURL: "aws-kms://" + arn, Endpoint: a.URL}
}

func TestAKeyServiceOfAWSDoesAllThatAHouseKeyDoes(t *testing.T) {
	house, other, wrong := awsHouse(t)
	p := newPlace(t)
	stored := map[string][]byte{"north": seal(t, p.by(house), "north", "a", []byte("content")), "south": seal(t, p.by(house), "south", "a", []byte("content"))}
	k := p.by(house)
	for range 40 { // more than a request may carry, were the keys themselves sent
		if err := k.Rotate(t.Context(), "north"); err != nil {
			t.Fatal(err)
		}
	}
	for tenant, file := range stored {
		if err := p.opens(house, tenant, file); err != nil {
			t.Error(err)
		}
	}
	wantCode(t, p.opens(other, "north", stored["north"]), wrong)

	moved := other
	moved.Former = &config.FormerKey{KeyURL: house.KeyURL, Endpoint: house.Endpoint}
	both := p.by(moved)
	if err := p.opens(moved, "south", stored["south"]); err != nil {
		t.Error(err)
	}
	for _, tenant := range []string{"north", "south"} {
		if err := both.Rewrap(t.Context(), tenant); err != nil {
			t.Error(err)
		}
		if err := p.opens(other, tenant, stored[tenant]); err != nil {
			t.Errorf("without the former key: %v", err)
		}
	}
	wantCode(t, p.opens(house, "north", stored["north"]), wrong)

	file, _, err := both.read("south")
	if err != nil {
		t.Fatal(err)
	}
	file.Tenant = "north"
	if err := both.write(file); err != nil {
		t.Fatal(err)
	}
	wantCode(t, p.opens(other, "north", stored["north"]), problem.StorageDamaged)
}

func TestAWSIsAskedOnceAPracticeAndProcessAndToldWhose(t *testing.T) {
	a, p := atresttest.NewAWS(t), newPlace(t)
	a.Environ(t)
	e := awsConfig(a, atresttest.AWSARN)
	stored := seal(t, p.by(e), "north", "a", []byte("content"))
	later := p.by(e)
	for range 5 {
		if got, err := unseal(t, later, "north", "a", stored); err != nil || string(got) != "content" {
			t.Errorf("%q, %v", got, err)
		}
	}
	north := map[string]string{"purpose": "bulkhead keys at rest of north"}
	if diff := cmp.Diff([]map[string]string{north, north, north}, a.Contexts()); diff != "" { // wrapped once, unwrapped once by each process
		t.Error(diff)
	}
}

func TestAWSThatRefusesSaysWhoMustActAndOneThatIsBusyIsWaitedFor(t *testing.T) {
	t.Attr("fault", "network: the key service of AWS is down, slow or busy, refuses, or its key is disabled, deleted or another one -> weather is waited out, the rest is house_key_missing or house_key_wrong with the permission or the command to run")
	a, p := atresttest.NewAWS(t), newPlace(t)
	a.Environ(t)
	e := awsConfig(a, atresttest.AWSARN)
	stored := seal(t, p.by(e), "north", "a", []byte("content"))
	cases := []struct {
		status int
		code   string
		want   problem.Code // empty for weather
		says   string
	}{
		{400, "AccessDeniedException", problem.HouseKeyMissing, "kms:Decrypt"},
		{400, "DisabledException", problem.HouseKeyMissing, "enable-key"},
		{400, "KMSInvalidStateException", problem.HouseKeyMissing, "cancel-key-deletion"},
		{400, "NotFoundException", problem.HouseKeyMissing, "key_url"},
		{400, "InvalidKeyUsageException", problem.HouseKeyMissing, "symmetric"},
		{400, "ExpiredTokenException", problem.HouseKeyMissing, "expired"},
		{403, "InvalidSignatureException", problem.HouseKeyMissing, "clock"},
		{400, "SomethingNewException", problem.HouseKeyMissing, "AWS KMS refuses"},
		{400, "InvalidCiphertextException", problem.StorageDamaged, ""},
		{400, "IncorrectKeyException", problem.HouseKeyWrong, ""},
		{400, "ThrottlingException", "", ""},
		{500, "KMSInternalException", "", ""},
		{500, "KeyUnavailableException", "", ""},
		{503, "DependencyTimeoutException", "", ""},
	}
	for _, c := range cases {
		t.Run(c.code, func(t *testing.T) {
			a.Refuse(c.status, c.code)
			err := p.opens(e, "north", stored)
			if c.want == "" {
				wantWeather(t, err)
				return
			}
			wantCode(t, err, c.want)
			if told := problem.Of(err); !strings.Contains(told.Summary+told.Remedy, c.says) {
				t.Errorf("%s says %q, %q", c.code, told.Summary, told.Remedy)
			}
		})
	}
	a.Refuse(0, "")
	if err := p.opens(e, "north", stored); err != nil {
		t.Errorf("once it answers again: %v", err)
	}
	a.Close()
	wantWeather(t, p.opens(e, "north", stored))
}

func TestACredentialOfAWSIsInNoError(t *testing.T) {
	a, p := atresttest.NewAWS(t), newPlace(t)
	a.Environ(t)
	stored := seal(t, p.by(awsConfig(a, atresttest.AWSARN)), "north", "a", []byte("content"))
	a.Demand("another-token")
	t.Setenv("AWS_SESSION_TOKEN", "the-session-token")
	stolen := []error{p.opens(awsConfig(a, atresttest.AWSARN), "north", stored)}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the-wrong-secret")
	stolen = append(stolen, p.opens(awsConfig(a, atresttest.AWSARN), "north", stored))
	for _, err := range stolen {
		wantCode(t, err, problem.HouseKeyMissing)
		for _, secret := range []string{"the-session-token", "the-wrong-secret", atresttest.AWSSecret} {
			if strings.Contains(fmt.Sprintf("%v %+v", err, problem.Of(err)), secret) {
				t.Errorf("the error tells %s: %v", secret, err)
			}
		}
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	err := p.opens(awsConfig(a, atresttest.AWSARN), "north", stored)
	wantCode(t, err, problem.HouseKeyMissing)
	if !strings.Contains(err.Error(), "no AWS credentials") {
		t.Errorf("without credentials: %v", err)
	}
}

func TestCredentialsThatWereMendedAreFoundWithoutARestart(t *testing.T) {
	a, g, p := atresttest.NewAWS(t), atresttest.NewGoogle(t), newPlace(t)
	a.Environ(t)
	g.Environ(t)
	account := os.Getenv("GOOGLE_APPLICATION_CREDENTIALS")
	ways := map[string]struct {
		key                    config.Encryption
		variable, wrong, right string
	}{
		"AWS":    {awsConfig(a, atresttest.AWSARN), "AWS_SECRET_ACCESS_KEY", "the-wrong-secret", atresttest.AWSSecret},
		"Google": {googleConfig(g), "GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(p.dir, "none"), account},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			k := p.by(way.key)
			t.Setenv(way.variable, way.wrong)
			wantCode(t, k.House.Try(t.Context()), problem.HouseKeyMissing)
			t.Setenv(way.variable, way.right)
			if err := k.House.Try(t.Context()); err != nil {
				t.Errorf("mended: %v", err)
			}
		})
	}
	g.RefuseTokens(http.StatusBadRequest)
	k := p.by(googleConfig(g))
	wantCode(t, k.House.Try(t.Context()), problem.HouseKeyMissing)
	atresttest.NewGoogle(t).Environ(t) // whose account gets the same token elsewhere
	if err := k.House.Try(t.Context()); err != nil {
		t.Errorf("another account: %v", err)
	}
	if err := (*House)(nil).Try(t.Context()); err != nil {
		t.Errorf("where no house key is configured: %v", err)
	}
	if err := p.openHouse().Try(t.Context()); err != nil {
		t.Errorf("a house key in a file: %v", err)
	}
}

func TestAnAliasOfAWSThatNamesAnotherKeyIsSaidSo(t *testing.T) {
	a, p := atresttest.NewAWS(t), newPlace(t)
	a.Environ(t)
	e := awsConfig(a, atresttest.AWSAlias)
	stored := seal(t, p.by(e), "north", "a", []byte("content"))
	a.PointAlias()
	err := p.opens(e, "north", stored)
	wantCode(t, err, problem.HouseKeyWrong)
	if !strings.Contains(err.Error(), "names now") {
		t.Errorf("the alias is not named: %v", err)
	}
	e.Former = &config.FormerKey{KeyURL: "aws-kms://" + atresttest.AWSARN, Endpoint: a.URL} // what the alias named
	if err := p.by(e).Rewrap(t.Context(), "north"); err != nil {
		t.Error(err)
	}
	e.Former = nil
	if err := p.opens(e, "north", stored); err != nil {
		t.Errorf("wrapped by what the alias names now: %v", err)
	}
}

func TestAPrivateEndpointOfAWSIsTrustedByTheFileOfTheHouseOrOfAWS(t *testing.T) {
	a, p := atresttest.NewAWS(t), newPlace(t)
	a.Environ(t)
	private := httptest.NewTLSServer(a.Config.Handler)
	t.Cleanup(private.Close)
	e := config.Encryption{KeyURL: "aws-kms://" + atresttest.AWSARN, Endpoint: private.URL}
	stored := seal(t, p.by(awsConfig(a, atresttest.AWSARN)), "north", "a", []byte("content"))
	err := p.opens(e, "north", stored)
	wantCode(t, err, problem.HouseKeyMissing)
	if told := problem.Of(err); !strings.Contains(told.Remedy, "tls.ca_file") {
		t.Errorf("not trusted: %v, %s", err, told.Remedy)
	}
	house, err := OpenHouse(&config.Config{Folder: p.dir, Encryption: e}, private.Client())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unseal(t, New(Options{Folder: filepath.Join(p.dir, FolderName), House: house, Ledger: p.ledger}), "north", "a", stored); err != nil {
		t.Errorf("trusted by the house: %v", err)
	}
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: private.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if err := p.opens(e, "north", stored); err != nil {
		t.Errorf("trusted by AWS_CA_BUNDLE: %v", err)
	}
}

// slowServer reads what it is asked, and never answers.
func slowServer(t *testing.T) *httptest.Server {
	t.Helper()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(slow.Close)
	return slow
}

func TestASlowAWSIsWaitedForByTheEngineAndNotByTheRequest(t *testing.T) {
	slow := slowServer(t)
	(*atresttest.AWS)(nil).Environ(t)
	key := &awsKey{arn: atresttest.AWSARN, region: atresttest.AWSRegion, endpoint: slow.URL, http: awshttp.NewBuildableClient().WithTimeout(20 * time.Millisecond)}
	_, err := envelope{key}.EncryptWithContext(t.Context(), []byte("keys"), []byte("practice"))
	wantWeather(t, err)
	if strict(new(http.Client)).Timeout != patience {
		t.Error("a request to a key service is not bounded")
	}
}

// TestCredentialsOfAWSAreFoundAsItsOwnToolsFindThem covers where people keep
// them: a file, a web identity (as EKS has it) and the instance's role.
func TestCredentialsOfAWSAreFoundAsItsOwnToolsFindThem(t *testing.T) {
	const session = "the-session-token"
	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	giver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
			fmt.Fprint(w, "imds-token")
		case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			fmt.Fprint(w, "practice-role")
		case strings.HasSuffix(r.URL.Path, "/security-credentials/practice-role"):
			fmt.Fprintf(w, `{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":%q,"SecretAccessKey":%q,"Token":%q,"Expiration":%q}`, atresttest.AWSKeyID, atresttest.AWSSecret, session, expires)
		case r.PostFormValue("Action") == "AssumeRoleWithWebIdentity" && r.PostFormValue("WebIdentityToken") == "the-identity":
			fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
				atresttest.AWSKeyID, atresttest.AWSSecret, session, expires)
		default:
			http.Error(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`, http.StatusForbidden)
		}
	}))
	t.Cleanup(giver.Close)
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ways := map[string]struct {
		session string
		environ map[string]string
	}{
		"a file": {"", map[string]string{
			"AWS_SHARED_CREDENTIALS_FILE": write("[practices]\naws_access_key_id=" + atresttest.AWSKeyID + "\naws_secret_access_key=" + atresttest.AWSSecret + "\n"), "AWS_PROFILE": "practices",
		}},
		"the instance": {session, map[string]string{"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": giver.URL}},
		"a web identity": {session, map[string]string{
			"AWS_WEB_IDENTITY_TOKEN_FILE": write("the-identity"), "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/practices", "AWS_ENDPOINT_URL_STS": giver.URL,
		}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			a, p := atresttest.NewAWS(t), newPlace(t)
			a.Environ(t)
			a.Demand(way.session)
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "")
			for variable, value := range way.environ {
				t.Setenv(variable, value)
			}
			e := awsConfig(a, atresttest.AWSARN)
			if err := p.opens(e, "north", seal(t, p.by(e), "north", "a", []byte("content"))); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a web identity that is refused", func(t *testing.T) {
		a, p := atresttest.NewAWS(t), newPlace(t)
		a.Environ(t)
		t.Setenv("AWS_ACCESS_KEY_ID", "")
		t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", write("the-wrong-identity"))
		t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/practices")
		t.Setenv("AWS_ENDPOINT_URL_STS", giver.URL)
		_, err := p.by(awsConfig(a, atresttest.AWSARN)).Encrypt(t.Context(), "north", "a", new(bytes.Buffer))
		wantCode(t, err, problem.HouseKeyMissing)
		if strings.Contains(err.Error(), "the-wrong-identity") {
			t.Errorf("the error tells the identity: %v", err)
		}
	})
}
