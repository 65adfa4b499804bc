package chunk
import ("testing";"strings")
func TestProbe(t *testing.T){
  Count(strings.Repeat("\t\r",32<<10))
  v:=vocabulary()
  ids,toks,_:=v.Encode("\t\r\t\r\t\r"); t.Log(ids,len(toks))
}
