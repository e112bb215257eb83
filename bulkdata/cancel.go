package bulkdata

import (
	"context"
	"net/http"
)

// Cancel tells the server that the export at statusURL is no longer wanted: a
// running export stops, a complete one may lose its files. It returns nil when
// the server agrees (200, 202, 204) and when the export is gone already (404,
// 410). It is best effort: an error changes nothing about files already read.
func (c *Client) Cancel(ctx context.Context, statusURL string) error {
	target, err := c.checkStatusURL(OpCancel, statusURL)
	if err != nil {
		return err
	}
	a, err := c.answerOf(ctx, exchange{
		op: OpCancel, method: http.MethodDelete, target: target, authorize: true,
		header: http.Header{"Accept": {"application/fhir+json"}},
	}, c.limits.AnswerBytes)
	if err != nil {
		return err
	}
	switch a.status {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent, http.StatusNotFound, http.StatusGone:
		return nil
	}
	return a.statusError(OpCancel)
}
