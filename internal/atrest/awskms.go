package atrest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

const (
	awsName        = "AWS KMS"
	awsCredentials = "what gives AWS credentials"
	// awsContext is the name under which the practice stands in the encryption
	// context, which CloudTrail keeps and policies can ask for.
	awsContext = "purpose"
	// awsAttempts bounds how often the client asks before the engine waits.
	awsAttempts = 2
	awsPause    = 300 * time.Millisecond
)

// An awsKey is a symmetric key of AWS KMS.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html
type awsKey struct {
	arn, region string
	endpoint    string // empty: that of the region
	http        aws.HTTPClient

	mu      sync.Mutex
	service *kms.Client // nil until the key is asked for the first time
}

// EncryptWithContext wraps.
func (k *awsKey) EncryptWithContext(ctx context.Context, plain, bound []byte) ([]byte, error) {
	service, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := service.Encrypt(ctx, &kms.EncryptInput{KeyId: &k.arn, Plaintext: plain, EncryptionContext: map[string]string{awsContext: string(bound)}})
	if err != nil {
		return nil, k.forgetting(explainAWS("kms:Encrypt", err))
	}
	return answer.CiphertextBlob, nil
}

// DecryptWithContext unwraps. It names the key, so that nobody can have a key of
// their own used by putting in place what it wrapped.
func (k *awsKey) DecryptWithContext(ctx context.Context, wrapped, bound []byte) ([]byte, error) {
	service, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := service.Decrypt(ctx, &kms.DecryptInput{KeyId: &k.arn, CiphertextBlob: wrapped, EncryptionContext: map[string]string{awsContext: string(bound)}})
	if err != nil {
		return nil, k.forgetting(explainAWS("kms:Decrypt", err))
	}
	return answer.Plaintext, nil
}

// open gives the client, with credentials that are valid now.
func (k *awsKey) open(ctx context.Context) (*kms.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.service == nil {
		loaded, err := awsconfig.LoadDefaultConfig(ctx, k.options)
		if err != nil {
			return nil, uncredited(err)
		}
		k.service = kms.NewFromConfig(loaded, func(o *kms.Options) {
			if k.endpoint != "" {
				o.BaseEndpoint = &k.endpoint
			}
		})
	}
	service := k.service
	if _, err := service.Options().Credentials.Retrieve(ctx); err != nil { // remembered by the client until they end
		k.service = nil
		return nil, uncredited(err)
	}
	return service, nil
}

// forgetting looks for credentials anew after a refusal: whoever mends it may
// have given others. It returns the error.
func (k *awsKey) forgetting(err error) error {
	if _, refused := errors.AsType[*problem.Problem](err); refused {
		k.mu.Lock()
		k.service = nil
		k.mu.Unlock()
	}
	return err
}

// options are what of the configuration is not found as AWS's own tools find it.
func (k *awsKey) options(o *awsconfig.LoadOptions) error {
	o.Region, o.HTTPClient, o.Logger = k.region, k.http, logging.Nop{}
	o.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = awsAttempts, awsPause })
	}
	return nil
}

// awsHTTP gives a client of AWS's own, which takes up AWS_CA_BUNDLE and reaches
// the metadata service, and trusts what the house does besides.
func awsHTTP(house *http.Client) aws.HTTPClient {
	own := awshttp.NewBuildableClient().WithTimeout(patience)
	if t, ok := house.Transport.(*http.Transport); ok && t.TLSClientConfig != nil && t.TLSClientConfig.RootCAs != nil {
		own = own.WithTransportOptions(func(to *http.Transport) { to.TLSClientConfig.RootCAs = t.TLSClientConfig.RootCAs.Clone() })
	}
	return own
}

// saidBy gives the code by which AWS refuses, empty when it gave no answer, and
// whether it is weather.
func saidBy(err error) (said smithy.APIError, weather bool) {
	said, _ = errors.AsType[smithy.APIError](err)
	answer, answered := errors.AsType[*smithyhttp.ResponseError](err)
	switch {
	case said == nil:
		return nil, true
	case said.ErrorFault() == smithy.FaultServer, answered && answer.HTTPStatusCode() >= http.StatusInternalServerError:
		return said, true
	}
	_, busy := retry.DefaultThrottleErrorCodes[said.ErrorCode()]
	return said, busy
}

// uncredited explains why there are no credentials.
func uncredited(err error) error {
	said, weather := saidBy(err)
	remedy := "Give bulkhead credentials where AWS's tools look for them: the instance's or the task's role, a web identity, AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Nothing is lost."
	_, network := errors.AsType[*smithyhttp.RequestSendError](err)
	switch {
	case said != nil && weather:
		return &unreached{awsCredentials, errors.New(said.ErrorCode())}
	case said != nil:
		return problem.Wrap(errors.New(said.ErrorCode()), problem.HouseKeyMissing, "AWS gives no credentials for the role that is configured", remedy)
	case network || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return noAnswer(awsCredentials, err)
	}
	return problem.New(problem.HouseKeyMissing, "there are no AWS credentials with which AWS KMS could be asked", remedy)
}

// awsRefusals are the answers of AWS KMS that a person must act on. {} stands
// for the permission that was needed.
// https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html
var awsRefusals = map[string]struct{ summary, remedy string }{
	"AccessDeniedException":         {"AWS KMS does not let us use the house key", "Allow {} on it, in the key's policy or in one of the role."},
	"DisabledException":             {"the house key is disabled in AWS KMS", "Enable it again (aws kms enable-key)."},
	"KMSInvalidStateException":      {"the house key cannot be used in AWS KMS: it is pending deletion or import, or its key store is not connected", "Cancel the deletion and enable the key (aws kms cancel-key-deletion, enable-key), before it is deleted for good."},
	"NotFoundException":             {"AWS KMS knows no such key, in the region and the account of encryption.key_url", "Correct encryption.key_url. A key that was deleted is gone for good, and with it all that it wrapped."},
	"InvalidKeyUsageException":      {"the key of encryption.key_url does not encrypt", "Name a symmetric key for encryption (SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT)."},
	"ExpiredTokenException":         {"the AWS credentials have expired", "Give bulkhead new ones, or better a role, which renews them by itself."},
	"UnrecognizedClientException":   {"AWS does not know the credentials", "Check the credentials that bulkhead has, and that the region and the partition of encryption.key_url are theirs."},
	"InvalidClientTokenId":          {"AWS does not know the credentials", "Check the credentials that bulkhead has, and that the region and the partition of encryption.key_url are theirs."},
	"InvalidSignatureException":     {"AWS does not accept our signature", "Check this machine's clock, and the secret access key."},
	"SignatureDoesNotMatch":         {"AWS does not accept our signature", "Check this machine's clock, and the secret access key."},
	"IncompleteSignature":           {"AWS does not accept our signature", "Check what stands between bulkhead and AWS KMS: the signature arrived changed."},
	"MissingAuthenticationToken":    {"AWS does not accept our signature", "Check what stands between bulkhead and AWS KMS: the signature did not arrive."},
	"OptInRequired":                 {"AWS KMS is not switched on for the account", "Switch the region on for the account, or name a key of another one."},
	"UnsupportedOperationException": {"the key of encryption.key_url does not encrypt", "Name a symmetric key for encryption (SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT)."},
}

// explainAWS sorts the error of a request that needed a permission. What AWS says
// beside its code is told of permissions only: it could repeat what was signed.
func explainAWS(permission string, err error) error {
	said, weather := saidBy(err)
	switch {
	case said == nil:
		return noAnswer(awsName, err)
	case weather:
		return &unreached{awsName, errors.New(said.ErrorCode())}
	}
	cause := errors.New(said.ErrorCode())
	switch said.ErrorCode() {
	case "InvalidCiphertextException":
		return errUnopened
	case "IncorrectKeyException":
		return errOtherKey
	case "AccessDeniedException":
		cause = fmt.Errorf("%w: %s", cause, brief(said.ErrorMessage()))
	}
	refusal, known := awsRefusals[said.ErrorCode()]
	if !known {
		refusal.summary, refusal.remedy = "AWS KMS refuses", "Look the code up in the documentation of AWS KMS; the key is asked for {}."
	}
	return refused(cause, refusal.summary, refusal.remedy, permission)
}
