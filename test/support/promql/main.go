// Evaluates alerting rules over scraped samples with Prometheus' own parsers and engine.
//
//	promql <rules file>
//
// Each line of input is JSON: a scrape of all targets. Each is answered with a line: the alerts that are pending or
// firing then. A series that is gone, or whose target does not answer, is marked stale, as Prometheus does.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math"
	"os"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// Longer than any range in the rules.
const kept = time.Hour

type target struct {
	Labels map[string]string `json:"labels"`
	// Text is nil where there was no answer.
	Text *string `json:"text"`
}

type scrape struct {
	// At is in ms.
	At      int64    `json:"at"`
	Targets []target `json:"targets"`
}

type alert struct {
	Alert  string            `json:"alert"`
	State  string            `json:"state"`
	Labels map[string]string `json:"labels"`
	Value  string            `json:"value"`
}

// store holds samples by their series.
type store map[string]*promql.Series

func (s store) add(lset labels.Labels, at int64, v float64) {
	key := lset.String()
	if s[key] == nil {
		s[key] = &promql.Series{Metric: lset}
	}
	s[key].Floats = append(s[key].Floats, promql.FPoint{T: at, F: v})
}

func (s store) forget(before int64) {
	for key, series := range s {
		from := 0
		for from < len(series.Floats) && series.Floats[from].T < before {
			from++
		}
		series.Floats = series.Floats[from:]
		if len(series.Floats) == 0 {
			delete(s, key)
		}
	}
}

func (s store) Querier(_, _ int64) (storage.Querier, error) { return querier{s}, nil }

type querier struct{ store }

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &seriesSet{at: -1}
next:
	for _, series := range q.store {
		for _, matcher := range matchers {
			if !matcher.Matches(series.Metric.Get(matcher.Name)) {
				continue next
			}
		}
		found.all = append(found.all, promql.NewStorageSeries(*series))
	}
	return found
}

var errNotAsked = errors.New("no rule asks for the labels there are")

func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errNotAsked
}

func (querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errNotAsked
}

func (querier) Close() error { return nil }

type seriesSet struct {
	all []storage.Series
	at  int
}

func (s *seriesSet) Next() bool                      { s.at++; return s.at < len(s.all) }
func (s *seriesSet) At() storage.Series              { return s.all[s.at] }
func (*seriesSet) Err() error                        { return nil }
func (*seriesSet) Warnings() annotations.Annotations { return nil }

// scraper takes in what targets answer.
type scraper struct {
	store store
	// Series of each target's last answer, by instance.
	last map[string]map[string]labels.Labels
}

func (s *scraper) take(t target, at int64) error {
	up := 0.0
	now := map[string]labels.Labels{}
	if t.Text != nil {
		up = 1
		if err := s.parse(t, at, now); err != nil {
			return err
		}
	}
	instance := t.Labels["instance"]
	for key, lset := range s.last[instance] {
		if _, isThere := now[key]; !isThere {
			s.store.add(lset, at, math.Float64frombits(value.StaleNaN))
		}
	}
	s.last[instance] = now
	s.store.add(with(labels.FromStrings(labels.MetricName, "up"), t.Labels), at, up)
	return nil
}

func (s *scraper) parse(t target, at int64, now map[string]labels.Labels) error {
	p := textparse.NewPromParser([]byte(*t.Text), labels.NewSymbolTable(), false)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.Labels["instance"], err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, _, v := p.Series()
		var own labels.Labels
		p.Labels(&own)
		lset := with(own, t.Labels)
		now[lset.String()] = lset
		s.store.add(lset, at, v)
	}
}

func with(lset labels.Labels, more map[string]string) labels.Labels {
	b := labels.NewBuilder(lset)
	for name, v := range more {
		b.Set(name, v)
	}
	return b.Labels()
}

// rule is an alerting rule and since when each of its alerts has been there.
type rule struct {
	rulefmt.Rule
	since map[string]int64
}

func (r *rule) evaluate(engine *promql.Engine, s store, at int64) ([]alert, error) {
	query, err := engine.NewInstantQuery(context.Background(), s, nil, r.Expr, timestamp.Time(at))
	if err != nil {
		return nil, err
	}
	defer query.Close()
	vector, err := query.Exec(context.Background()).Vector()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Alert, err)
	}
	since := map[string]int64{}
	var alerts []alert
	for _, sample := range vector {
		lset := with(sample.Metric.DropReserved(func(name string) bool { return name == labels.MetricName }), r.Labels)
		key := lset.String()
		began, isKnown := r.since[key]
		if !isKnown {
			began = at
		}
		since[key] = began
		state := "pending"
		if at-began >= time.Duration(r.For).Milliseconds() {
			state = "firing"
		}
		alerts = append(alerts, alert{r.Alert, state, lset.Map(), fmt.Sprint(sample.F)})
	}
	r.since = since
	return alerts, nil
}

func rulesOf(file string) ([]*rule, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	groups, errs := rulefmt.Parse(content, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var rules []*rule
	for _, group := range groups.Groups {
		for _, r := range group.Rules {
			if r.KeepFiringFor != 0 || r.Alert == "" {
				return nil, fmt.Errorf("%s%s: only alerts without keep_firing_for are known here", r.Alert, r.Record)
			}
			rules = append(rules, &rule{Rule: r})
		}
	}
	return rules, nil
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: promql <rules file>")
	}
	rules, err := rulesOf(os.Args[1])
	if err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: 10 * time.Second})
	scraper := scraper{store{}, map[string]map[string]labels.Labels{}}
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var s scrape
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		for _, t := range s.Targets {
			if err := scraper.take(t, s.At); err != nil {
				return err
			}
		}
		scraper.store.forget(s.At - kept.Milliseconds())
		alerts := []alert{}
		for _, r := range rules {
			found, err := r.evaluate(engine, scraper.store, s.At)
			if err != nil {
				return err
			}
			alerts = append(alerts, found...)
		}
		if err := out.Encode(alerts); err != nil {
			return err
		}
	}
}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
