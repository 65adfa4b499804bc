package system

import (
	"net/http"
	"strings"
)

// ServicesPath is where the API's URL has the services for people's own tools,
// such as aws and boto3: ServicesPath and the service's name. The functions reach
// the same services over the network that can fail; requests here meet no fault.
const ServicesPath = "/_ragtime/services/"

// Service is one that people's tools can ask.
type Service struct{ Name, URL string }

type toolService struct {
	name    string
	base    string // what a client's base URL has after the service's path
	handler http.Handler
}

func (s *System) addTool(name, base string, h http.Handler) {
	s.toolServices = append(s.toolServices, toolService{name, base, h})
}

// Services are those that tools can ask: dynamodb, secretsmanager and lambda, and
// openai where it is the stand-in.
func (s *System) Services() []Service {
	var all []Service
	for _, o := range s.toolServices {
		all = append(all, Service{o.name, s.URL + ServicesPath + o.name + o.base})
	}
	return all
}

// toolHandler serves the services at their paths.
func (s *System) toolHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, ServicesPath), "/")
		for _, o := range s.toolServices {
			if o.name != name {
				continue
			}
			prefix := ServicesPath + name
			if r.URL.Path == prefix { // a client whose endpoint is the whole path
				prefix, r.URL.Path, r.URL.RawPath = "", "/", ""
			}
			http.StripPrefix(prefix, o.handler).ServeHTTP(w, r)
			return
		}
		http.Error(w, "there is no service "+name+" here", http.StatusNotFound)
	})
}
