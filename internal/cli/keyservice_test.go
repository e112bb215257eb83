package cli

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest/atresttest"
)

func TestAHouseKeyMovesFromAFileToAWSAndFromThereToGoogle(t *testing.T) {
	t.Attr("fault", "machine: the house key moves from a file to AWS KMS and on to Google Cloud KMS, which is refused, disabled and out of reach meanwhile -> every command says so in words, and nothing is lost")
	aws, google := atresttest.NewAWS(t), atresttest.NewGoogle(t)
	aws.Environ(t)
	google.Environ(t)
	w := newWard(t)
	house := filepath.Join(t.TempDir(), "house.json")
	w.run(0, "encryption", "new-key", house)
	inFile := "key_file: '" + house + "'"
	inAWS := "key_url: 'aws-kms://" + atresttest.AWSARN + "', endpoint: '" + aws.URL + "'"
	inGoogle := "key_url: 'gcp-kms://" + atresttest.GoogleKey + "', endpoint: '" + google.URL + "'"
	configured := "folder: state"
	configure := func(key string) {
		next := "folder: state\nencryption: {" + key + "}"
		w.amend(configured, next)
		configured = next
	}
	show := []string{"quarantine", "show", "lakeside", "--export", w.whole}
	deep := []string{"doctor", "--tenant", "lakeside", "--deep"}
	configure(inFile)
	w.run(0, "encryption", "seal", "lakeside")
	shown := w.run(0, show...)

	moves := []struct{ key, former, name string }{{inAWS, inFile, atresttest.AWSARN}, {inGoogle, inAWS, atresttest.GoogleKey}}
	for _, move := range moves {
		configure(move.key)
		w.wants("house_key_wrong", w.run(2, show...))
		configure(move.key + ", former: {" + move.former + "}")
		w.run(0, "config", "check")
		if again := w.run(0, show...); again != shown {
			t.Errorf("quarantine shows\n%s\nand before\n%s", again, shown)
		}
		w.wants(move.name, w.run(0, "encryption", "rotate", "--house"))
		configure(move.key)
		w.wants(move.name, w.run(0, "encryption", "status"))
		w.run(0, "encryption", "rotate", "lakeside")
		w.run(0, "encryption", "seal", "lakeside")
		w.wants("as it should be", w.run(0, deep...))
		if left := w.readable("lakeside"); len(left) > 0 {
			t.Errorf("readable: %q", left)
		}
	}
	for _, context := range aws.Contexts() {
		if context["purpose"] != "bulkhead keys at rest of lakeside" || len(context) != 1 {
			t.Errorf("AWS is told %q", context)
		}
	}

	google.Refuse(http.StatusForbidden, "PERMISSION_DENIED")
	for _, args := range [][]string{show, {"encryption", "status"}, deep, {"encryption", "rotate", "lakeside"}} {
		w.wants("roles/cloudkms.cryptoKeyEncrypterDecrypter", w.run(2, args...))
	}
	w.run(0, "config", "check") // which asks nobody
	google.Refuse(0, "")
	google.Close()
	for _, args := range [][]string{show, {"encryption", "status"}, deep, {"encryption", "rotate", "--house"}} {
		said := w.run(2, args...)
		w.wants("gives no answer, and without it the house key cannot be used", said)
		if strings.Contains(said, "bug in bulkhead") {
			t.Errorf("an unreachable key service is called a bug: %s", said)
		}
	}
}
